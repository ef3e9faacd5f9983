package command

// What is told of an invalid message that a route lets through.

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestInvalidButLetThrough(t *testing.T) {
	t.Parallel()
	d := newScene(t, map[string]string{
		"relay.yaml":     "routes: [{prefix: 'a:', schema: a.json, invalid: log}, {prefix: 'b:', schema: a.json}]",
		"schemas/a.json": `{"type": "object"}`,
	}).start(nil)
	address := d.awaitReady()
	sub, rejects, c := d.Dial(), d.Dial(), d.Dial()
	sub.Send("SUBSCRIBE", "a:1")
	sub.Expect(t, "[subscribe a:1 1]")
	rejects.Send("SUBSCRIBE", "relay:rejects")
	rejects.Expect(t, "[subscribe relay:rejects 1]")

	c.Send("PUBLISH", "a:1", "7")
	c.Expect(t, ":1")
	sub.Expect(t, `[message a:1 "7"]`)
	for _, direction := range []string{"outbound", "inbound"} {
		told := strings.ReplaceAll(rejects.Receive().String(), `\"`, `"`)
		if !strings.Contains(told, `"direction":"`+direction+`"`) || !strings.Contains(told, `"let_through":true`) {
			t.Errorf("told %s", told)
		}
	}
	d.Says("invalid message let through")
	if strings.Contains(d.Stderr.String(), "refused") {
		t.Error("it is said to be refused")
	}

	c.Send("PUBLISH", "b:1", "7")
	if reply := c.Receive().String(); !strings.HasPrefix(reply, "-INVALID b:1") {
		t.Errorf("got %s", reply)
	}
	if told := rejects.Receive().String(); strings.Contains(told, "let_through") {
		t.Errorf("told %s", told)
	}
	d.Says("message refused")

	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`redis_relay_rejects_total{code="INVALID",direction="outbound",route="a:"} 1`,
		`redis_relay_rejects_total{code="INVALID",direction="inbound",route="a:"} 1`,
		`redis_relay_rejects_total{code="INVALID",direction="outbound",route="b:"} 1`,
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}
