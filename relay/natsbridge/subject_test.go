package natsbridge

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// mapping is the table of docs/nats.md, and the corners.
var mapping = []struct{ channel, subject string }{
	{"chat:42", "chat.42"},
	{"notifications", "notifications"},
	{"user:ann:typing", "user.ann.typing"},
	{"file:a.txt", "file.a%2Etxt"},
	{"a b", "a%20b"},
	{"what*", "what%2A"},
	{"a:>", "a.%3E"},
	{"100%", "100%25"},
	{"a::b", "a.%.b"},
	{"a:", "a.%"},
	{":a", "%.a"},
	{"", "%"},
	{":", "%.%"},
	{"köln", "k%C3%B6ln"},
	{"\xff\x00", "%FF%00"},
	{"tab\there\r\n", "tab%09here%0D%0A"},
	{"$SYS:x", "%24SYS.x"},
	{"a:$x", "a.$x"},
	{"_INBOX:x", "%5FINBOX.x"},
	{"publish:1", "%70ublish.1"},
	{"publisher:1", "publisher.1"},
	{"history:1", "%68istory.1"},
	{"a:publish:history", "a.publish.history"},
	{"relay:events", "relay.events"},
	{`[{"a":1}]`, `[{"a".1}]`},
}

func TestMapping(t *testing.T) {
	for _, tt := range mapping {
		subject, err := Subject([]byte(tt.channel))
		if subject != tt.subject || err != nil {
			t.Errorf("Subject(%q) = %q, %v; want %q", tt.channel, subject, err, tt.subject)
		}
		channel, err := Channel(tt.subject)
		if channel != tt.channel || err != nil {
			t.Errorf("Channel(%q) = %q, %v; want %q", tt.subject, channel, err, tt.channel)
		}
	}
}

func TestLongNames(t *testing.T) {
	for _, part := range []string{"a", "a:", "\xff"} {
		name := strings.Repeat(part, 4096/len(part))
		subject, err := Subject([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Channel(subject); back != name || err != nil {
			t.Errorf("4 KiB of %q come back as %.40q, %v", part, back, err)
		}
	}
	long := strings.Repeat("a", maxSubject+1)
	if _, err := Subject([]byte(long)); !errors.Is(err, ErrNoSubject) {
		t.Errorf("got %v, want ErrNoSubject", err)
	}
	if _, err := Channel(long); !errors.Is(err, ErrNoSubject) {
		t.Errorf("got %v, want ErrNoSubject", err)
	}
}

func TestNoChannel(t *testing.T) {
	for _, tt := range []struct{ subject, want string }{
		{"", "a token is empty"},
		{"a..b", "a token is empty"},
		{"a.", "a token is empty"},
		{"a.*", "it has a wildcard"},
		{"a.>", "it has a wildcard"},
		{"a.b%", "not followed by two"},
		{"a.%4", "not followed by two"},
		{"a.%zz", "not followed by two"},
		{"a.%2e", "not followed by two"}, // digits are written large
		{"a.%41", `write "A" for "%41"`},
		{"a b", `write "a%20b" for "a b"`},
		{"a:b", "a channel's colon is a dot"},
		{"a%3Ab", "a channel's colon is a dot"},
		{"k\u00f6ln", `write "k%C3%B6ln"`},
		{"publish.x", `write "%70ublish" for "publish"`},
		{"$SYS.x", `write "%24SYS"`},
	} {
		channel, err := Channel(tt.subject)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Channel(%q) = %q, %v; want an error with %q", tt.subject, channel, err, tt.want)
		}
	}
}

func TestNamesOfSubscriptions(t *testing.T) {
	for _, tt := range []struct {
		subject string
		want    resp.Name
	}{
		{"chat.42", resp.Name{Kind: resp.Message, Text: "chat:42"}},
		{"chat.*", resp.Name{Kind: resp.PMessage, Text: "chat:*"}},
		{"chat.>", resp.Name{Kind: resp.PMessage, Text: "chat:*"}},
		{"*.42", resp.Name{Kind: resp.PMessage, Text: "*:42"}},
		{">", resp.Name{Kind: resp.PMessage, Text: "*"}},
		{"a%2A.*", resp.Name{Kind: resp.PMessage, Text: `a\*:*`}},
		{"a[b]?.*", resp.Name{Kind: resp.PMessage, Text: `a\[b\]\?:*`}},
		{"a%5Cb.*", resp.Name{}},
		{`a\b.*`, resp.Name{Kind: resp.PMessage, Text: `a\\b:*`}},
		{"%.*", resp.Name{Kind: resp.PMessage, Text: ":*"}},
		{"a.publish.*", resp.Name{Kind: resp.PMessage, Text: "a:publish:*"}},
	} {
		got, err := nameOf(tt.subject)
		if got != tt.want || (err != nil) != (tt.want == resp.Name{}) {
			t.Errorf("nameOf(%q) = %v, %v; want %v", tt.subject, got, err, tt.want)
		}
	}
}

// FuzzMapping goes there and back, and asks NATS whether it takes the subject.
func FuzzMapping(f *testing.F) {
	for _, tt := range mapping {
		f.Add([]byte(tt.channel))
	}
	f.Fuzz(func(t *testing.T, channel []byte) {
		subject, err := Subject(channel)
		if err != nil {
			if len(channel) <= maxSubject/3 {
				t.Fatalf("%q has no subject: %v", channel, err)
			}
			return
		}
		if !server.IsValidPublishSubject(subject) || strings.ContainsAny(subject, " \t\r\n") {
			t.Fatalf("%q became %q, which NATS does not take", channel, subject)
		}
		if back, err := Channel(subject); back != string(channel) || err != nil {
			t.Fatalf("%q became %q became %q, %v", channel, subject, back, err)
		}
	})
}

// FuzzSubjects goes back and there: a subject is refused, or the only one of its
// channel; a subscription's pattern catches each channel that it is about.
func FuzzSubjects(f *testing.F) {
	for _, tt := range mapping {
		f.Add(tt.subject)
		f.Add(tt.subject + ".*")
	}
	f.Fuzz(func(t *testing.T, subject string) {
		channel, err := Channel(subject)
		if err == nil {
			if there, err := Subject([]byte(channel)); there != subject || err != nil {
				t.Fatalf("%q became %q became %q, %v", subject, channel, there, err)
			}
		}
		n, err := nameOf(subject)
		if err != nil || n.Kind != resp.PMessage {
			return
		}
		caught, err := Channel(strings.NewReplacer("*", "x%2Ay", ">", "x.%.y").Replace(subject))
		if err == nil && !glob.Match([]byte(n.Text), []byte(caught)) {
			t.Fatalf("%q became %q, which does not catch %q", subject, n.Text, caught)
		}
	})
}
