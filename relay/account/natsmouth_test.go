package account

// Publishers that are NATS clients.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"redis-relay/relay/redistest"
)

// replyInbox is where answers come: each at the number of its question.
const replyInbox = "_INBOX.publisher."

// natsMouth publishes at the NATS door: most often by requests.
type natsMouth struct {
	*natsClient
	inbox           string
	asked, answered int
}

func dialNATSMouth(r *relay) (mouth, error) {
	address, _, err := r.nats()
	if err != nil {
		return nil, err
	}
	c, err := dialNATS(address)
	if err != nil {
		return nil, err
	}
	m := &natsMouth{natsClient: c, inbox: replyInbox + strconv.FormatUint(rand.Uint64(), 36) + "."}
	if err := c.send([]byte("SUB " + m.inbox + "* answers\r\n")); err != nil {
		c.Close()
		return nil, err
	}
	return m, nil
}

func (m *natsMouth) appendPublish(b []byte, c channel, _ *ID, payload string, random *rand.Rand) ([]byte, bool) {
	subject, reply := "publish."+subjectOf(c.name), ""
	if random.IntN(10) > 0 {
		reply = m.inbox + strconv.Itoa(m.asked)
		m.asked++
	}
	return appendPub(b, subject, reply, []byte(payload)), reply != ""
}

func (m *natsMouth) TrySendRaw(b []byte) error { return m.send(b) }

// TryReceive returns an answer as the socket would give it.
func (m *natsMouth) TryReceive() (v redistest.Value, err error) {
	answer, err := m.receive(replyTimeout)
	if err != nil {
		return v, err
	}
	if want := m.inbox + strconv.Itoa(m.answered); answer.subject != want {
		return v, fmt.Errorf("an answer on %s, want one on %s", answer.subject, want)
	}
	m.answered++
	var body struct {
		Receivers   *int64
		Code, Error string
	}
	err = json.Unmarshal(answer.payload, &body)
	switch {
	case err != nil:
	case body.Receivers != nil && body.Code == "" && answer.header == "":
		v = redistest.Value{Type: ':', Int: *body.Receivers}
	case body.Receivers == nil && strings.Contains(answer.header, "Nats-Service-Error-Code: "+body.Code+"\r\n"):
		v = redistest.Value{Type: '-', Str: body.Code + " " + body.Error}
	default:
		err = fmt.Errorf("an answer with the header %q and the body %q", answer.header, answer.payload)
	}
	return v, err
}

var _ mouth = (*natsMouth)(nil)
