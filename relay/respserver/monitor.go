package respserver

// MONITOR.

import (
	"fmt"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/tail"
)

// monitor shows the client what passes through the relay, as far as its user may listen to it. It may come again, with
// other options.
func monitor(c *session, args [][]byte) {
	o, err := tail.ParseOptions(args[1:])
	if err != nil {
		c.replies.err(err.Error())
		return
	}
	if limit := c.srv.limits.Patterns.Load(); int64(len(o.Patterns)) > limit {
		c.replies.err(fmt.Sprintf("DENIED %d patterns are over limits.patterns (%d)", len(o.Patterns), limit))
		return
	}
	for _, p := range o.Patterns {
		if problem := tooLong(c, resp.PMessage, p); problem != "" {
			c.replies.err(problem)
			return
		}
	}
	stopMonitor(c)
	by := c.client.user()
	may := func(channel []byte) bool { return c.srv.backend.MayHear(by, channel) }
	viewer, err := c.srv.opts.Viewers.Add(o, may, c.srv.loop, c.out)
	if err != nil {
		c.replies.err(err.Error())
		return
	}
	c.viewer = viewer
	confirmMonitor(c)
}

// confirmMonitor replies OK. What is shown from now on stands behind that, even if earlier replies are not known yet.
func confirmMonitor(c *session) {
	slot := &hub.Slot{Confirms: true}
	if !c.out.Reserve(slot) {
		return // the client does not read its replies, and is being disconnected
	}
	var reply []byte
	if !c.replies.muted {
		reply = []byte("+OK\r\n")
	}
	slot.Complete(reply)
}

// stopMonitor ends MONITOR, if the client is in it.
func stopMonitor(c *session) {
	if c.viewer != nil {
		c.viewer.Stop()
		c.viewer = nil
	}
}
