package natsbridge

// The log of the embedded server.

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// notes is the server's log: it counts the refusals, which the server tells nowhere
// else, and passes on what an operator should know.
type notes struct {
	log   *zap.Logger
	kinds []noted
	died  atomic.Pointer[string]
}

// noted counts the lines that hold a text.
type noted struct {
	text, reason string
	count        *atomic.Uint64
}

func newNotes(log *zap.Logger) *notes {
	n := &notes{log: log}
	for _, k := range []noted{
		{text: "Publish Violation", reason: "publish"},
		{text: "Subscription Violation", reason: "subscribe"},
		{text: server.ErrAuthentication.Error(), reason: "token"},
		{text: server.ErrMaxPayload.Error(), reason: "payload"},
		{text: server.ErrTooManySubs.Error(), reason: "subscriptions"},
		{text: server.ErrTooManyConnections.Error(), reason: "clients"},
		{text: "", reason: "protocol"}, // the rest
	} {
		k.count = new(atomic.Uint64)
		n.kinds = append(n.kinds, k)
	}
	return n
}

func (n *notes) counts() map[string]uint64 {
	m := map[string]uint64{}
	for _, k := range n.kinds {
		m[k.reason] = k.count.Load()
	}
	return m
}

// Errorf is about a client that was refused something: the metric counts it, and a
// client cannot flood the log.
func (n *notes) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	for _, k := range n.kinds {
		if strings.Contains(line, k.text) {
			k.count.Add(1)
			break
		}
	}
	n.log.Debug("NATS server", zap.String("error", line))
}

// Warnf passes on.
func (n *notes) Warnf(format string, v ...any) { n.log.Warn(fmt.Sprintf(format, v...)) }

// Fatalf keeps the reason for which the server does not start.
func (n *notes) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	if strings.HasPrefix(format, "Error listening on port") {
		if err, ok := v[len(v)-1].(error); ok { // which names the address, too
			line = err.Error()
		}
	}
	n.died.Store(&line)
}

func (n *notes) fatal() error {
	if line := n.died.Load(); line != nil {
		return fmt.Errorf("%s", *line)
	}
	return nil
}

func (n *notes) Noticef(format string, v ...any) { n.log.Debug(fmt.Sprintf(format, v...)) }
func (n *notes) Debugf(string, ...any)           {}
func (n *notes) Tracef(string, ...any)           {}
