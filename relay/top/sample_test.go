package top

// A status with all that may be in it.

import (
	"slices"
	"time"

	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/status"
)

var start = time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// sample is a relay with a bot that floods a channel and a reader that is stuck.
func sample() *status.Status {
	bot := &notice.Who{Client: 7, Name: "bot", PID: 4711, UID: ptr(uint32(1000))}
	s := &status.Status{
		Version: "1.2.3", Host: "web-3", PID: 812, Time: start, Started: start.Add(-3*time.Hour - 12*time.Minute), Ready: true,
		Checks: []status.Check{
			{Name: "socket", OK: true, Vital: true, Text: "clients can connect to /run/relay/relay.sock"},
			{Name: "redis", OK: true, Vital: true, Text: "all subscriptions are confirmed"},
			{Name: "config", Text: "relay.yaml: the last reload was refused: routes[0].prefix: is empty"},
		},
		Redis: status.Redis{Name: "redis.internal:6379", Up: true, Connections: 2, Lag: ptr(0.00123)},
		Total: status.Flow{Received: 1e6, Published: 2e5, Refused: 41, Dropped: 1234},
		Rate: status.Flow{
			Received: 12345, ReceivedBytes: 2.5e6, Delivered: 45678, Published: 1234, PublishedBytes: 98765, Refused: 0.4, Dropped: 87,
		},
		Channels: []status.Channel{
			{
				Name: "notifications", Route: "unrouted", Total: status.Flow{Received: 400}, Rate: status.Flow{Received: 2, ReceivedBytes: 300},
				Usual: status.Flow{Received: 2.2}, Mean: 150, Largest: 900, Listeners: 64, Seconds: slices.Repeat([]float64{1, 2, 3}, 20),
			},
			{
				Name: "chat:room-42", Route: "chat:", Publisher: bot, Listeners: 3, Mean: 64, Largest: 4096,
				Total: status.Flow{Received: 9e5, Refused: 30, Dropped: 1234},
				Rate:  status.Flow{Received: 9876, ReceivedBytes: 1.2e6, Published: 9876, Refused: 0.4, Dropped: 87},
				Usual: status.Flow{Received: 5}, Seconds: append(slices.Repeat([]float64{5}, 50), slices.Repeat([]float64{9876}, 10)...),
			},
			{Name: "chat:日本語の部屋", Route: "chat:", Listeners: 1, Rate: status.Flow{Received: 0.05}, Usual: status.Flow{Received: 0.3}},
			{Name: "evil\x1b[2J\r\n\u202e\u009b", Route: "chat:", Listeners: 1},
		},
		Clients: status.Clients{Connected: 250, List: []status.Client{
			{
				Who:     notice.Who{Client: 12, Name: "worker-1", PID: 900, UID: ptr(uint32(33))},
				Library: "redis-py 5.0.1", Age: 3600, Idle: 12, Kept: 1118, Subscriptions: 2, Command: "subscribe",
			},
			{
				Who:     notice.Who{Client: 13, Name: "stuck-reader", PID: 901, UID: ptr(uint32(33))},
				Library: "go-redis 9.7.0", Age: 7500, Idle: 61, Queued: 1 << 20, QueuedFor: 61.5, Kept: 2048, Dropped: 1234,
				Subscriptions: 1, Command: "psubscribe",
			},
			{Who: notice.Who{Client: 14}, Age: 3, Command: "\x1b]0;title\a"},
		}},
		Routes: []status.Route{
			{Name: "chat:", Schema: "chat.json", Total: status.Flow{Received: 9e5, Refused: 30}, Rate: status.Flow{Received: 9880, Delivered: 45000, Published: 1234, Refused: 0.4}},
			{Name: "unrouted", Total: status.Flow{Received: 400}, Rate: status.Flow{Received: 2}},
		},
		Rejects: []status.Reject{{Reject: notice.Reject{
			Time: start.Add(-time.Minute), Direction: monitor.Outbound, Channel: "chat:room-42", Route: "chat:", Code: "INVALID",
			Reason: "/userId: expected string, but got number", Size: 46, Who: *bot,
		}}},
		Events: []status.Event{{
			Event: notice.Event{Event: "slow_listener", Time: start.Add(-time.Minute), Cause: "its queue is full", Who: notice.Who{Name: "stuck-reader"}},
			Level: "warn", Text: "a client does not keep up", Do: "make the client read faster",
		}},
		Alerts: []status.Alert{{
			Kind: "spike", Since: start.Add(-10 * time.Second), Text: "channel chat:room-42 carries 9876 messages/s, usually 5",
			Do: "look for its publisher", About: notice.Event{Channel: "chat:room-42", Who: *bot},
		}},
		History: status.History{Channels: 12, Behind: 1},
		Process: status.Process{Resident: 31 << 20, Queued: 1 << 20, Limit: 256 << 20},
	}
	for i := range 600 {
		s.Seconds = append(s.Seconds, status.Second{
			At: start.Unix() - 599 + int64(i), Up: i < 560 || i > 570, Rate: status.Flow{Received: float64(i % 60 * 200)},
		})
	}
	return s
}
