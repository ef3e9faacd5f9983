package fleet

import (
	"testing"

	"redis-relay/relay/resp"
)

func TestMessagesComeBack(t *testing.T) {
	names := []resp.Name{
		{Kind: resp.Message, Text: "a"}, {Kind: resp.SMessage, Text: ""}, {Kind: resp.Message, Text: "b\x00\r\n\xff"},
	}
	shares := map[resp.Name]int64{names[0]: 3, names[1]: -1, names[2]: 1 << 40}
	runID, answer, ok := answerTo(appendQuestion(nil, "host:1:2", 700, names),
		func(kind resp.Kind, n []byte) int64 { return shares[resp.Name{Kind: kind, Text: string(n)}] })
	if !ok || runID != "host:1:2" {
		t.Fatalf("the question came as of %q, %v", runID, ok)
	}
	number, got, ok := parseAnswer(answer)
	if !ok || number != 700 || len(got) != len(names) {
		t.Fatalf("the answer came as %d: %v, %v", number, got, ok)
	}
	for i, n := range names {
		if got[i] != shares[n] {
			t.Errorf("share of %q: %d, want %d", n.Text, got[i], shares[n])
		}
	}
}

// FuzzAnswerTo has relays hear what nobody of the fleet has sent.
func FuzzAnswerTo(f *testing.F) {
	good := appendQuestion(nil, "host:1:2", 1, []resp.Name{{Kind: resp.Message, Text: "a"}, {Kind: resp.SMessage, Text: "b"}})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Add([]byte{0, 1, byte(resp.PMessage), 0})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, question []byte) {
		asked := 0
		_, answer, ok := answerTo(question, func(resp.Kind, []byte) int64 { asked++; return int64(-asked) })
		if !ok {
			return
		}
		if _, shares, ok := parseAnswer(answer); !ok || len(shares) != asked {
			t.Errorf("%d names have the answer %v, %v", asked, shares, ok)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{})
	f.Add([]byte{1, 0x80})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, shares, ok := parseAnswer(answer); ok && len(shares) >= len(answer) {
			t.Errorf("%d shares in %d bytes", len(shares), len(answer))
		}
	})
}
