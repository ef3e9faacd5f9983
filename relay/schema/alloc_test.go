// This file asserts what a scan and a check allocate: nothing. Under the race
// detector a sync.Pool forgets at random, so `make unit` runs it without.

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

func TestCheckDoesNotAllocate(t *testing.T) {
	for name := range shippedPayloads {
		c, payload := shippedChecker(t, name)
		checkDoesNotAllocate(t, name, c, payload)
	}
	for name, user := range userSchemas {
		checkDoesNotAllocate(t, name, loadText(t, user.schema), []byte(user.payload))
	}
}

func checkDoesNotAllocate(t *testing.T, name string, c *Checker, payload []byte) {
	t.Helper()
	n := testing.AllocsPerRun(1000, func() {
		if _, err := c.Check(payload); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	})
	if n > 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

func TestKeyDoesNotAllocate(t *testing.T) {
	c := loadText(t, `{"type":"object"}`).Keyed("", map[string]string{"cursor": "userId"})
	payload := []byte(`{"type":"cursor","userId":"ann"}`)
	n := testing.AllocsPerRun(1000, func() {
		if _, key, _, _ := c.Scan(payload); key == nil {
			t.Fatal("no key")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckerDoesNotAllocate(t *testing.T) {
	c := loadText(t, `{
		"properties": {
			"n": {"minimum": 0.5, "multipleOf": 0.25, "enum": [1.5, 2e1]},
			"s": {"pattern": "^a+[0-9]$", "minLength": 2, "oneOf": [{"const": "aa1"}, {"const": "a1"}]},
			"u": {"uniqueItems": true, "contains": {"type": "string"}},
			"d": {"format": "date"}, "id": {"format": "uuid"}
		},
		"patternProperties": {"^x-": {"type": "boolean"}},
		"propertyNames": {"maxLength": 8},
		"additionalProperties": false
	}`)
	payload := []byte(`{"n":15e-1,"\u0073":"\u0061a1","u":["a",1.50,"b",true],"d":"2026-01-02",` +
		`"id":"123e4567-e89b-12d3-a456-426614174000","x-y":false}`)
	n := testing.AllocsPerRun(1000, func() {
		if _, verdict, _ := scan(payload, "type", c.program); verdict != accepted {
			t.Fatalf("verdict %d", verdict)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
