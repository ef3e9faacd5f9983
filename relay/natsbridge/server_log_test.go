package natsbridge

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// TestSlowClientsAreCounted by the lines about connections that are closed, in the server's words.
func TestSlowClientsAreCounted(t *testing.T) {
	n := newServerLog(zap.NewNop())
	for _, reason := range []server.ClosedState{
		server.ClientClosed, server.SlowConsumerPendingBytes, server.Kicked, server.SlowConsumerWriteDeadline, server.WriteError,
	} {
		n.Debugf("%s connection closed: %s", "Client", reason)
	}
	n.Debugf("no reason")
	n.Debugf("of another kind: %d", int(server.SlowConsumerPendingBytes))
	if got := n.slow.Load(); got != 2 {
		t.Errorf("%d clients were slow, want 2", got)
	}
}
