package monitor

// How long things take.

import "time"

// SchemaSample is of how many short schema checks one is measured.
const SchemaSample = 128

// Times are the histograms of how long things take, in seconds.
type Times struct {
	RoundTrip    *Histogram // of the relay's own message: to Redis and back
	PublishReply *Histogram // from the arrival of a publish to its reply
	QueueWait    *Histogram // of output, for a socket that is full
	SchemaCheck  *Histogram // of one message
	Turn         *Histogram // of the event loop
}

func newTimes() Times {
	return Times{
		RoundTrip: newHistogram("upstream_round_trip_seconds",
			"From publishing a message of the relay's own, every redis.probe_interval, to its delivery by Redis.",
			10*time.Microsecond, 10*time.Second),
		PublishReply: newHistogram("publish_reply_seconds",
			"From the arrival of a local publish to its reply, of those that Redis acknowledged.",
			10*time.Microsecond, 10*time.Second),
		QueueWait: newHistogram("queue_wait_seconds",
			"How long output waited for the socket of a connection to take it, at each write; 0 if it took it at once.",
			100*time.Microsecond, 100*time.Second),
		SchemaCheck: newHistogram("schema_check_seconds",
			"Checking one message against its schema. One in 128 short checks is measured, and counts 128 times.",
			100*time.Nanosecond, 100*time.Millisecond),
		Turn: newHistogram("loop_turn_seconds",
			"Turns of the event loop: how long it served nobody else.", time.Microsecond, time.Second),
	}
}

// all lists the histograms in the order in which people are shown them.
func (t *Times) all() []*Histogram {
	return []*Histogram{t.RoundTrip, t.PublishReply, t.QueueWait, t.SchemaCheck, t.Turn}
}
