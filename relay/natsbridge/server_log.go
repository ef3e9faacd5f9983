package natsbridge

// The log of the embedded server.

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// serverLog is the server's log. It counts refusals and slow clients, which the server reports nowhere else, and passes
// on what an operator should know.
type serverLog struct {
	log   *zap.Logger
	kinds []refusalCount
	slow  atomic.Uint64 // clients that were disconnected because they were slow
	died  atomic.Pointer[string]
}

// refusalCount counts the log lines that contain a text.
type refusalCount struct {
	text, reason string
	count        *atomic.Uint64
}

func newServerLog(log *zap.Logger) *serverLog {
	n := &serverLog{log: log}
	for _, k := range []refusalCount{
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

func (n *serverLog) counts() map[string]uint64 {
	m := map[string]uint64{}
	for _, k := range n.kinds {
		m[k.reason] = k.count.Load()
	}
	return m
}

// Errorf logs at debug level only, so that a client cannot flood the log: the lines are about clients that were
// refused something, and the metric counts them.
func (n *serverLog) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	for _, k := range n.kinds {
		if strings.Contains(line, k.text) {
			k.count.Add(1)
			break
		}
	}
	n.log.Debug("NATS server", zap.String("error", line))
}

// Warnf passes a warning on.
func (n *serverLog) Warnf(format string, v ...any) { n.log.Warn(fmt.Sprintf(format, v...)) }

// Fatalf records why the server cannot start.
func (n *serverLog) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	if strings.HasPrefix(format, "Error listening on port") {
		if err, ok := v[len(v)-1].(error); ok { // which names the address, too
			line = err.Error()
		}
	}
	n.died.Store(&line)
}

func (n *serverLog) fatal() error {
	if line := n.died.Load(); line != nil {
		return fmt.Errorf("%s", *line)
	}
	return nil
}

func (n *serverLog) Noticef(format string, v ...any) { n.log.Debug(fmt.Sprintf(format, v...)) }
func (n *serverLog) Tracef(string, ...any)           {}

// Debugf counts the clients that are slow, by the line "connection closed", which the server writes once for each
// client. The server's own number counts a client twice if its queue is full and then a write to it fails, too.
func (n *serverLog) Debugf(_ string, v ...any) {
	if len(v) == 0 {
		return
	}
	switch reason, _ := v[len(v)-1].(server.ClosedState); reason {
	case server.SlowConsumerPendingBytes, server.SlowConsumerWriteDeadline:
		n.slow.Add(1)
	}
}
