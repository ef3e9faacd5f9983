package natsbridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// feed gives bytes to an input in pieces of a size, and returns what it cuts them into.
func feed(text string, piece int) (list []string, err error) {
	var in input
	for rest := text; ; {
		it, n, err := in.next()
		switch {
		case err != nil:
			return list, err
		case n > 0 && it.isMessage:
			list = append(list, fmt.Sprintf("%s %s %q %q", it.verb, it.subject, it.reply, it.payload))
			in.skip(n)
			continue
		case n > 0:
			list = append(list, fmt.Sprintf("%s|%s", it.verb, it.rest))
			in.skip(n)
			continue
		case rest == "":
			return list, nil
		}
		space := in.space()
		k := copy(space[:min(piece, len(space))], rest)
		in.wrote(k)
		rest = rest[k:]
	}
}

// TestInput cuts the same bytes in pieces of every size.
func TestInput(t *testing.T) {
	const text = "INFO {\"a\": 1}\r\nPING\r\nLS+ a.b\r\nLS- a.b q\r\n\r\n" +
		"LMSG publish.a 3\r\na\r\n\r\nLMSG publish.a _INBOX.1 0\r\n\r\n" +
		"LMSG publish.a | q r 1\r\nx\r\nLMSG publish.a + _INBOX.1 q r 1\r\ny\r\n" +
		"HMSG publish.a _INBOX.1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n-ERR 'x y'\r\nPONG\n"
	want := []string{
		`INFO|{"a": 1}`, "PING|", "LS+|a.b", "LS-|a.b q", "|",
		`LMSG publish.a "" "a\r\n"`, `LMSG publish.a "_INBOX.1" ""`,
		`LMSG publish.a "" "x"`, `LMSG publish.a "_INBOX.1" "y"`,
		`HMSG publish.a "_INBOX.1" "hi"`, "-ERR|'x y'", "PONG|",
	}
	for piece := 1; piece <= len(text); piece++ {
		got, err := feed(text, piece)
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("in pieces of %d: %v\n%s\nwant\n%s", piece, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestLargeInput takes messages that are larger than the buffer, and gives the memory back.
func TestLargeInput(t *testing.T) {
	body := strings.Repeat("x", 3<<20)
	text := fmt.Sprintf("LMSG publish.a %d\r\n%s\r\nPING\r\n", len(body), body)
	got, err := feed(text+text, 10_000)
	if err != nil || len(got) != 4 || !strings.Contains(got[2], body) || got[3] != "PING|" {
		t.Errorf("%d items, %v", len(got), err)
	}
	in := input{buf: make([]byte, 0, 2*maxIdle)}
	if in.space(); cap(in.buf) > inputSize {
		t.Errorf("%d bytes are kept for nothing", cap(in.buf))
	}
}

// TestStrangeInput refuses what no server sends.
func TestStrangeInput(t *testing.T) {
	for _, text := range []string{
		"LMSG\r\n", "LMSG a\r\n", "LMSG a b c 1\r\n", "LMSG a -1\r\n", "LMSG a x\r\n", "LMSG a 99999999999\r\n",
		"HMSG a 1\r\n", "HMSG a 5 4\r\n", "HMSG a -1 4\r\n", strings.Repeat("x", inputSize),
	} {
		if got, err := feed(text, 1000); !errors.Is(err, errProtocol) {
			t.Errorf("%.30q: got %q, %v", text, got, err)
		}
	}
}

func FuzzInput(f *testing.F) {
	f.Add("LMSG a b 3\r\nabc\r\nPING\r\n", 2)
	f.Add("HMSG a | q 12 12\r\nNATS/1.0\r\n\r\n\r\n", 5)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		whole, err := feed(text, len(text)+1)
		parts, perr := feed(text, max(1, piece%100))
		if (err == nil) != (perr == nil) || strings.Join(whole, "\n") != strings.Join(parts, "\n") {
			t.Errorf("in one piece %q, %v; else %q, %v", whole, err, parts, perr)
		}
	})
}
