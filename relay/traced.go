package relay

// Traces of messages: what package traces is told of the two paths.

import (
	"strconv"
	"strings"

	"go.uber.org/zap"

	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/traces"
)

// openTraces makes the Tracer, if traces are on. life is the name of this run of the relay.
func (r *Relay) openTraces(version, life string) (err error) {
	c := r.cfg.Traces
	if c.Endpoint == "" {
		return nil
	}
	r.traces, err = traces.New(traces.Options{
		Endpoint: c.Endpoint, Sample: c.Sample, Field: c.Field, Version: version, Instance: life,
		Failed: func(err error, lost uint64) {
			r.teller.Log(notice.TracesLost, zap.String("endpoint", c.Endpoint), zap.Error(err), zap.Uint64("spans", lost))
		},
		Back: func() { r.teller.Log(notice.TracesBack, zap.String("endpoint", c.Endpoint)) },
	})
	if err == nil {
		r.closers = append(r.closers, r.traces.Close)
	}
	return err
}

// trace begins the trace of a message from Redis, if the message is sampled.
func (in *inbound) trace(rt *route.Route, d *resp.Delivery) *traces.Trace {
	m := traces.Message{Channel: d.Channel, Payload: d.Payload, Size: len(d.Payload), Route: rt.Prefix, Parent: d.Trace}
	if d.Kind == resp.PMessage {
		m.Pattern = d.Pattern
	}
	return in.traces.Receive(&m)
}

// invalidCode is the code of a message that was checked; empty: it is valid.
func invalidCode(v *policy.Verdict) string {
	if v.Invalid == nil {
		return ""
	}
	return string(policy.Invalid)
}

// publishTraced is Publish with traces on: the messages that are sampled have a receipt that ends their trace.
func (o *outbound) publishTraced(p respserver.Publication, receipt respserver.Receipt) (checking bool, err error) {
	m := traces.Message{
		Channel: p.Channel, Payload: p.Payload, Size: max(len(p.Payload), int(p.Oversize)),
		Route: o.rules.Load().Route(p.Channel).Prefix, Parent: string(p.Trace),
	}
	trace := o.traces.Publish(&m)
	if trace == nil {
		return o.publish(p, receipt)
	}
	trace.SetClient(clientName(p.Sender))
	checking, err = o.publish(p, &tracedReceipt{receipt, trace})
	switch {
	case err != nil:
		refuseTraced(trace, err)
	case !checking:
		trace.Checked("")
	}
	return checking, err
}

// refuseTraced ends the trace of a message that was not published. The check has failed only if it was what refused.
func refuseTraced(trace *traces.Trace, err error) {
	code, _, _ := strings.Cut(err.Error(), " ") // that of the relay, or of Redis
	switch policy.Code(code) {
	case policy.Invalid, policy.Denied, policy.TooLarge, policy.RateLimit:
	default:
		trace.Checked("")
	}
	trace.Refused(code)
}

// clientName names a publisher in traces: by its own name, or the number of its connection.
func clientName(s respserver.Sender) string {
	if s == nil {
		return ""
	}
	c := s.Identity()
	if c.Name != "" {
		return c.Name
	}
	return strconv.FormatUint(c.ID, 10)
}

// tracedReceipt tells the trace of a message what its publisher is told.
type tracedReceipt struct {
	respserver.Receipt
	trace *traces.Trace
}

// Checked is told when the message was found valid.
func (r *tracedReceipt) Checked() {
	r.trace.Checked("")
	r.Receipt.Checked()
}

// Published is told what became of the message.
func (r *tracedReceipt) Published(receivers int64, id string, err error) {
	if err != nil {
		refuseTraced(r.trace, err)
	} else {
		r.trace.Published(receivers, id)
	}
	r.Receipt.Published(receivers, id, err)
}
