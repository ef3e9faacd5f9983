package relay

// The limits that a reload may change.

import (
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/admin"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/respserver"
	"redis-relay/relay/upstream"
)

// limits may be read from anywhere. They are set at the start, and then by the loop.
type limits struct {
	respserver.Limits
	buffer atomic.Int64 // bytes that each of the relay's own buffers may hold

	// Fixed after construction.
	gateways int64 // that accept clients: the socket, and NATS
	teller   *notice.Teller

	lowered int64 // limits.clients of which it was told that the system has no room; 0: none
}

func (l *limits) set(c config.Limits) {
	l.Clients.Store(l.clientRoom(int64(c.Clients)))
	l.Subscriptions.Store(int64(c.Subscriptions))
	l.Patterns.Store(int64(c.Patterns))
	l.Name.Store(int64(c.Name))
	l.PatternLength.Store(int64(c.PatternLength))
	l.Payload.Store(int64(c.Payload))
	l.Queue.Store(int64(c.Queue))
	l.Age.Store(int64(c.QueueAge))
	l.Memory.Store(int64(c.Memory))
	l.buffer.Store(int64(c.Buffer()))
	l.Answer.Store(int64(max(c.Queue, min(upstream.MaxAnswer, c.Buffer()))))
	l.Window.Store(int64(c.PublishWindow))
	l.Command.Store(int64(c.CommandTimeout))
}

// ofNATS are the limits that were set last, for NATS clients.
func (l *limits) ofNATS(c config.Limits) natsbridge.Limits {
	return natsbridge.Limits{
		Clients: int(l.Clients.Load()), Subscriptions: c.Subscriptions, Payload: int(c.Payload), Queue: int(c.Queue),
		Behind: int(c.Buffer()),
	}
}

// ofCluster are the limits of this moment, for a NATS cluster.
func (l *limits) ofCluster() natsbridge.Limits {
	return natsbridge.Limits{Payload: int(l.Payload.Load()), Behind: int(l.buffer.Load())}
}

// ownDescriptors are the file descriptors that no client may take: for Redis, the
// configuration and the runtime; and for HTTP.
const ownDescriptors = 32 + admin.MaxConnections

// clientRoom returns how many clients each gateway may accept: as many as asked for, or, if the system has too few
// file descriptors, as many as those allow. Then it logs a warning.
func (l *limits) clientRoom(asked int64) int64 {
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	if err != nil || files.Cur >= uint64(l.gateways*asked+ownDescriptors) {
		l.lowered = 0
		return asked
	}
	room := max(1, (int64(files.Cur)-ownDescriptors)/l.gateways)
	if l.lowered == asked {
		return room
	}
	l.lowered = asked
	l.teller.Log(notice.FewDescriptors,
		zap.Int64("limits.clients", asked), zap.Int64("lowered_to", room), zap.Uint64("open_files", files.Cur))
	return room
}
