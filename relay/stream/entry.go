package stream

// Entries: persisted messages as readers get them.

// DefaultField is the field of entries that PUBLISH persisted.
const DefaultField = "payload"

// Entry is one persisted message.
type Entry struct {
	ID     ID
	Fields [][]byte // names and values in turn; must not be changed
}

// Payload is the published message: the value of the only field, or of DefaultField. ok is false if
// there is neither: then the entry was not written by a relay.
func (e *Entry) Payload() (payload []byte, ok bool) {
	for i := 0; i+1 < len(e.Fields); i += 2 {
		if string(e.Fields[i]) == DefaultField || len(e.Fields) == 2 {
			return e.Fields[i+1], true
		}
	}
	return nil, false
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
