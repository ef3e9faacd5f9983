package overview

// How the relay is.

import (
	"errors"

	"redis-relay/relay/admin"
)

// Checks says what there is to know about the state of the relay.
func (o *Overview) Checks() []admin.Check { return o.checksWith(o.states()) }

// checksWith is Checks with the states of the upstreams.
func (o *Overview) checksWith(states []upstreamState) []admin.Check {
	p := &o.parts
	socket := admin.Check{Name: "socket", OK: true, Vital: true, Text: "clients can connect to " + p.Config.Socket.Path}
	if p.TCP != nil {
		socket.Text += " and to " + p.TCP.Addr().String()
	}
	if err := errors.Join(p.Socket.Unreachable(), p.TCP.Unreachable()); err != nil {
		socket.OK, socket.Text = false, err.Error()
	}
	list := []admin.Check{socket}
	for i, u := range p.Upstreams {
		list = append(list, u.check(i, states[i]))
	}
	state := p.Loaded()
	return append(list, admin.Check{Name: "config", OK: state.Refused.IsZero(), Text: state.describe()})
}
