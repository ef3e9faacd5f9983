// This file asserts what a scan allocates: nothing. Under the race detector a sync.Pool forgets at random.

//go:build !race

package schema

import "testing"

func TestGuardDoesNotAllocate(t *testing.T) {
	if len(chatMessage) != 124 {
		t.Fatalf("the message has %d bytes", len(chatMessage))
	}
	texts := map[string]string{
		"message":      chatMessage,
		"escaped keys": `{"\u0074ype":"x","a\n":{"b\t":1}}`,
		"many keys": `{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,` +
			`"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0}`,
		"refused": `plain text`,
	}
	for name, text := range texts {
		payload := []byte(text)
		if n := testing.AllocsPerRun(1000, func() { guard(payload, "type") }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
