package relay

// Where the relay can be reached, and how it is.

import (
	"errors"

	"redis-relay/relay/admin"
)

// Addresses returns where the relay can be reached: the socket's path, and the
// HTTP address, empty if that is off.
func (r *Relay) Addresses() (socket, http string) {
	if r.admin != nil {
		http = r.admin.Addr().String()
	}
	return r.cfg.Socket.Path, http
}

// TCPAddress returns where clients can reach the relay by TCP, empty if that is off.
func (r *Relay) TCPAddress() string {
	if r.tcp == nil {
		return ""
	}
	return r.tcp.Addr().String()
}

// NATSAddress returns where NATS clients can reach the relay, empty if that is off.
func (r *Relay) NATSAddress() string { return r.natsAddress }

// Ready says whether clients can connect, every wanted subscription is confirmed by
// the required upstreams and messages can be published there, and if not, what is missing.
func (r *Relay) Ready() (ready bool, missing string) { return admin.Ready(r.Checks()) }

// Checks says what there is to know about the state of the relay.
func (r *Relay) Checks() []admin.Check { return checksWith(r, r.sides.states(r.loop)) }

// checksWith is Checks with the states of the upstreams.
func checksWith(r *Relay, states []sideState) []admin.Check {
	socket := admin.Check{Name: "socket", OK: true, Vital: true, Text: "clients can connect to " + r.cfg.Socket.Path}
	if r.tcp != nil {
		socket.Text += " and to " + r.TCPAddress()
	}
	if err := errors.Join(r.socket.Unreachable(), r.tcp.Unreachable()); err != nil {
		socket.OK, socket.Text = false, err.Error()
	}
	list := []admin.Check{socket}
	for i, s := range r.sides {
		redis := admin.Check{
			Name: s.checkName(), OK: states[i].ready, Vital: s.settings.Required,
			Text: "all subscriptions are confirmed, messages can be published",
		}
		if !redis.OK {
			redis.Text = states[i].missing
		}
		list = append(list, redis)
	}
	state := r.reloader.loaded.Load()
	return append(list, admin.Check{Name: "config", OK: state.refused.IsZero(), Text: state.describe()})
}

// Embedded returns the address of the Redis inside the relay, which other relays
// and plain clients on this host can use, and the file in which it keeps history;
// both are empty where redis.url names a real one.
func (r *Relay) Embedded() (url, file string) {
	main := r.sides[0]
	if main.embedded == nil {
		return "", ""
	}
	return main.embedded.URL(), historyFile(r.cfg, main.name)
}
