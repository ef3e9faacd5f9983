package overview

// How the relay is.

import (
	"errors"
	"fmt"

	"redis-relay/relay/admin"
)

// Checks says what there is to know about the state of the relay.
func (o *Overview) Checks() []admin.Check { return o.checksWith(o.upstreamReady()) }

// checksWith is Checks with the answer of upstreamReady.
func (o *Overview) checksWith(ready bool, missing string) []admin.Check {
	p := &o.parts
	socket := admin.Check{Name: "socket", OK: true, Vital: true, Text: "clients can connect to " + p.Config.Socket.Path}
	if p.TCP != nil {
		socket.Text += " and to " + p.TCP.Addr().String()
	}
	if err := errors.Join(p.Socket.Unreachable(), p.TCP.Unreachable()); err != nil {
		socket.OK, socket.Text = false, err.Error()
	}
	redis := admin.Check{
		Name: "redis", OK: true, Vital: true, Text: "all subscriptions are confirmed, messages can be published",
	}
	if !ready {
		redis.OK, redis.Text = false, missing
	}
	state := p.Loaded()
	return []admin.Check{
		socket, redis, {Name: "config", OK: state.Refused.IsZero(), Text: state.describe()},
	}
}

func (o *Overview) upstreamReady() (ready bool, missing string) {
	missing = "the relay is ending"
	o.parts.Loop.Call(func() {
		var connected bool
		if ready, connected, missing = o.parts.Redis.Status(); ready || !connected {
			return
		}
		if all, kind, example, n := o.parts.Hub.Confirmed(); !all {
			missing = fmt.Sprintf("%d subscriptions are not confirmed by Redis, %s %q among them",
				n, kind.Subscribe(), example)
		}
	})
	return ready, missing
}
