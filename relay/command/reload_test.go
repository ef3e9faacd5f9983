package command

// What becomes of the file under a running relay.

import (
	"os"
	"testing"
)

// TestFileIsGone: the routes stay, though the file was never named, and all that a relay
// must have is in the environment.
func TestFileIsGone(t *testing.T) {
	t.Parallel()
	const closed, denied = "routes: [{prefix: 'a:', publish: false}]\n", `-DENIED a:1: route "a:" says publish: false`
	s := newScene(t, map[string]string{"relay.yaml": closed})
	d := s.start(nil)
	address := d.awaitReady()
	c := d.Dial()
	stays := func() {
		t.Helper()
		c.Send("PUBLISH", "a:1", "x")
		c.Expect(t, denied)
	}
	if err := os.Remove(s.path("relay.yaml")); err != nil {
		t.Fatal(err)
	}
	d.Says("reload refused, the relay goes on as before")
	d.Says("relay.yaml: it was there and is gone; put it back, or restart the relay")
	stays()

	s.write("relay.yaml", "") // as an editor does that is slow to save
	d.Says("relay.yaml: it had keys and is empty now")
	stays()
	s.health("--http.listen="+address).expect(t, exitOK, "")

	s.write("relay.yaml", "routes: []\n")
	d.Says("configuration reloaded")
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, ":0")
}
