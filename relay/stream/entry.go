package stream

// Entries: persisted messages as readers get them.

// DefaultField is the field of entries that PUBLISH persisted.
const DefaultField = "payload"

// TraceField is the field beside the message that names the publisher's span, as W3C Trace Context writes it.
const TraceField = "traceparent"

// maxTrace is the size in bytes of the longest value of TraceField. Version 00 has 55; a later one may have more.
const maxTrace = 256

// MayBeTrace reports whether a value may stand in TraceField: text without spaces, and not long. It need not be
// understood.
func MayBeTrace(value []byte) bool {
	if len(value) == 0 || len(value) > maxTrace {
		return false
	}
	for _, c := range value {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Entry is one persisted message.
type Entry struct {
	ID     ID
	Fields [][]byte // names and values in turn; must not be changed
}

// Payload is the published message: the value of the only field but for TraceField, or of DefaultField. ok is false if
// there is neither: then the entry was not written by a relay.
func (e *Entry) Payload() (payload []byte, ok bool) {
	for i := 0; i+1 < len(e.Fields); i += 2 {
		if string(e.Fields[i]) == DefaultField || e.isMessage(i) {
			return e.Fields[i+1], true
		}
	}
	return nil, false
}

// isMessage tells whether the field at i stands alone, or has TraceField alone beside it.
func (e *Entry) isMessage(i int) bool {
	switch len(e.Fields) {
	case 2:
		return true
	case 4:
		return string(e.Fields[2-i]) == TraceField
	}
	return false
}

// Trace is the value of TraceField beside the message; empty: there is none that the relay would have written.
func (e *Entry) Trace() string {
	for i := 0; i+1 < len(e.Fields) && len(e.Fields) > 2; i += 2 {
		if string(e.Fields[i]) == TraceField && MayBeTrace(e.Fields[i+1]) {
			return string(e.Fields[i+1])
		}
	}
	return ""
}

// Size is how many bytes of memory an entry takes, about.
func (e *Entry) Size() (n int) {
	const overhead = 100 // bytes of the slices themselves
	for _, s := range e.Fields {
		n += len(s)
	}
	return n + overhead
}

// Result is the entries that were read of one channel.
type Result struct {
	Channel string
	Entries []Entry
}
