//go:build linux

// Messages: that they are what servers send, and schemas accept.

package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/schema"
)

func TestPayloadIsAChatMessageOfItsSize(t *testing.T) {
	set, err := schema.Load("../../schemas", "")
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker("chat.json", "type")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range append(full.payloads, minPayload) {
		p := payload(size)
		if len(p) != size {
			t.Errorf("payload(%d) has %d bytes", size, len(p))
		}
		if _, err := checker.Check(p); err != nil {
			t.Errorf("payload(%d) is refused: %v", size, err)
		}
	}
}

// A frame must be what redis-server sends, or bytes are counted wrongly.
func TestFrameIsWhatRedisSends(t *testing.T) {
	redis := redistest.Start(t)
	c := redistest.Dial(t, "unix", redis.Socket())
	name, body := channel(prefixDirect, 7), payload(200)
	c.Send("SUBSCRIBE", name)
	c.Expect(t, "[subscribe "+name+" 1]")
	redis.MustDo("PUBLISH", name, string(body))
	c.Expect(t, "[message "+name+" "+string(body)+"]")

	var d resp.Delivery
	b := frame(name, body)
	if tok, n, err := resp.ScanServer(b, &d); tok != resp.IsDelivery || n != len(b) || err != nil {
		t.Fatalf("frame is no delivery: %v, %d of %d bytes, %v", tok, n, len(b), err)
	}
	for _, p := range []string{prefixBare, prefixChat, prefixKept, prefixExam, prefixHop} {
		if got := len(frame(channel(p, 999999), body)); got != len(b) {
			t.Errorf("frame on %s has %d bytes, on %s %d", p, got, prefixDirect, len(b))
		}
	}
}

// A frame must be what a NATS server sends, too.
func TestFrameIsWhatNATSSends(t *testing.T) {
	address, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newNATSServer(setup{Listen: address}); err != nil { // it ends with the tests
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address) // dialNATS would keep a processor from the server, which is in this process
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	name, body := channel(prefixNATS, 7), payload(200)
	hello := fmt.Appendf(nil, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\n", subject(name))
	if _, err := conn.Write(append(hello, natsPublish(name, string(body))...)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil { // INFO
		t.Fatal(err)
	}
	want := natsFrame(name, body)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(in, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStamp(t *testing.T) {
	for _, b := range [][]byte{frame("c", payload(124)), command("PUBLISH", "c", string(payload(124)))} {
		at := stampAt(b)
		for _, want := range []int64{0, 1, 0x123456789abcdef, math.MaxInt64} {
			putStamp(b[at:], want)
			if got, err := readStamp(b[at:]); got != want || err != nil {
				t.Errorf("stamp %d came back as %d, %v", want, got, err)
			}
		}
	}
}

// The relay must examine the message, and accept it.
func TestExaminedMessageNeedsAnExamination(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "examined.json"), []byte(examinedSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := schema.Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker("examined.json", "type")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := checker.Compiled(); ok {
		t.Error("the schema is compiled")
	}
	if _, err := checker.Check(examinedMessage()); err != nil {
		t.Errorf("the message is refused: %v", err)
	}
}

func TestClientWantsRefusals(t *testing.T) {
	for text, ok := range map[string]bool{
		"-INVALID a\r\n-INVALID b\r\n": true,
		"-INVALID a\r\n:0\r\n":         false,
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := refusals(int(r.Fd()), 2, make([]byte, 100)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		_, _ = r.Close(), w.Close()
	}
}
