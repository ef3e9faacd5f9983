package config

// This file tests what is read of a file beside which a relay goes on as before.

import "testing"

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		text         string
		env          []string
		flags        map[string]string
		http, socket string
	}{
		"nothing":         {"", nil, nil, "127.0.0.1:9464", "relay.sock"},
		"file":            {"http: {listen: 'h:1'}\nsocket: {path: s}\n", nil, nil, "h:1", "s"},
		"mistakes beside": {"nonsense: 1\nlimits: {clients: x}\nhttp: {listen: 'h:1'}\nsocket: {path: s}\n", nil, nil, "h:1", "s"},
		"no YAML":         {"a: [", nil, nil, "127.0.0.1:9464", "relay.sock"},
		"environment": {
			"http: {listen: 'h:1'}",
			[]string{"RELAY_HTTP_LISTEN=h:2", "RELAY_SOCKET_PATH=e"},
			nil, "h:2", "e",
		},
		"flags": {
			"http: {listen: 'h:1'}",
			[]string{"RELAY_HTTP_LISTEN=h:2"},
			map[string]string{"http.listen": "", "socket.path": "f"},
			"", "f",
		},
	} {
		http, socket := Addresses(Source{Path: write(t, c.text), Env: c.env, Flags: c.flags})
		if http != c.http || socket != c.socket {
			t.Errorf("%s: %q and %q, want %q and %q", name, http, socket, c.http, c.socket)
		}
	}
}
