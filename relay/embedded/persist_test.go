package embedded_test

// This file tests what outlives the server.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/relay/embedded"
	"redis-relay/relay/redistest"
)

// keeping starts a server that keeps its streams in a file; the test closes it.
func keeping(t *testing.T, file string) *embedded.Server {
	t.Helper()
	srv, err := embedded.Start(file, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv
}

// same has a server answer commands as another has done, which is closed by now.
func same(t *testing.T, srv *embedded.Server, answers map[string]string) {
	t.Helper()
	c := connect(t, srv)
	for line, want := range answers {
		if got := c.Do(strings.Fields(line)...).String(); got != want {
			t.Errorf("%s: %s, want %s as before", line, got, want)
		}
	}
}

func TestStreamsOutliveTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "streams")
	awkward := "\x00\xff\r\n*1\r\n" + strings.Repeat("long ", 100_000)
	first := keeping(t, file)
	c := connect(t, first)
	c.Do("XADD", "a", "5-1", "payload", awkward)
	c.Do("XADD", "a", "*", "payload", "", "second", "two")
	c.Do("XADD", "b", "*", "payload", "b")
	c.Do("PEXPIRE", "b", "3600000")
	c.Do("XADD", "short", "*", "payload", "gone by then")
	c.Do("PEXPIRE", "short", "1")
	c.Do("XADD", "trimmed", "*", "payload", "one")
	c.Do("XADD", "trimmed", "*", "payload", "two")
	c.Do("EVAL", "redis.call('XADD', 'scripted', '*', 'payload', 'x')", "0")
	c.Do("SET", "text", "is not kept")
	answers := map[string]string{"GET text": "(nil)", "EXISTS short": ":0"}
	for _, line := range []string{"XRANGE a - +", "XRANGE b - +", "XLEN trimmed", "XRANGE scripted - +", "PTTL a"} {
		answers[line] = c.Do(strings.Fields(line)...).String()
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := keeping(t, file)
	same(t, second, answers)
	c = connect(t, second)
	if ttl := c.Do("PTTL", "b").Int; ttl < 3_400_000 || ttl > 3_600_000 {
		t.Errorf("PTTL is %d, want the rest of an hour", ttl)
	}
	c.Do("DEL", "b")
	c.Do("XADD", "a", "*", "payload", "more")
	answers["XRANGE a - +"], answers["XRANGE b - +"] = c.Do("XRANGE", "a", "-", "+").String(), "[]"
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, keeping(t, file), answers)
}

// TestStreamsAreSavedMeanwhile for a process that is killed.
func TestStreamsAreSavedMeanwhile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, left := filepath.Join(folder, "streams"), filepath.Join(folder, "left")
	srv := keeping(t, file)
	connect(t, srv).Do("XADD", "a", "5-1", "payload", "kept")
	redistest.Eventually(t, redistest.DefaultTimeout, "the stream is saved", func() bool {
		b, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(b), "kept") && os.WriteFile(left, b, 0o600) == nil
	})
	same(t, keeping(t, left), map[string]string{"XRANGE a - +": "[[5-1 [payload kept]]]"})
}

// TestNextServerWaits until the one before it has saved.
func TestNextServerWaits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "streams")
	first := keeping(t, file)
	started := make(chan *embedded.Server)
	go func() {
		srv, _ := embedded.Start(file, zap.NewNop())
		started <- srv
	}()
	c := connect(t, first)
	c.Do("XADD", "a", "5-1", "payload", "one")
	redistest.Eventually(t, redistest.DefaultTimeout, "the file is another one", func() bool {
		b, err := os.ReadFile(file)
		return err == nil && len(b) > 0
	})
	c.Do("XADD", "a", "5-2", "payload", "two")
	select {
	case <-started:
		t.Fatal("two servers have the same file")
	default:
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := <-started
	if second == nil {
		t.Fatal("the next server did not start")
	}
	defer func() { _ = second.Close() }()
	same(t, second, map[string]string{"XRANGE a - +": "[[5-1 [payload one]] [5-2 [payload two]]]"})
}

// xadd is a command of a file.
const xadd = "*5\r\n$4\r\nXADD\r\n$1\r\na\r\n$3\r\n5-1\r\n$7\r\npayload\r\n$4\r\nkept\r\n"

// TestCutFile is loaded up to the cut, wherever that is, and the original is kept.
func TestCutFile(t *testing.T) {
	t.Parallel()
	last := strings.Replace(xadd, "5-1", "5-2", 1)
	for cut := 1; cut < len(last); cut++ {
		folder := t.TempDir()
		file, text := filepath.Join(folder, "streams"), xadd+last[:cut]
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		core, logged := observer.New(zap.WarnLevel)
		srv, err := embedded.Start(file, zap.New(core))
		if err != nil {
			t.Fatalf("cut behind %q: %v", last[:cut], err)
		}
		same(t, srv, map[string]string{"XRANGE a - +": "[[5-1 [payload kept]]]"})
		if err := srv.Close(); err != nil {
			t.Fatal(err)
		}
		said := logged.All()
		if len(said) != 1 {
			t.Fatalf("%d lines in the log", len(said))
		}
		facts := said[0].ContextMap()
		if facts["bytes_left_out"] != int64(cut) || facts["commands_loaded"] != int64(1) {
			t.Errorf("the log says %v of %d bytes", facts, cut)
		}
		original, _ := facts["copy_of_the_original"].(string)
		if b, err := os.ReadFile(original); err != nil || string(b) != text || filepath.Dir(original) != folder {
			t.Errorf("the copy: %q, %v", b, err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != xadd {
			t.Errorf("the file for the next start: %q, %v", b, err)
		}
	}
}

// TestUnreadableFile is not written over.
func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"*1\r\n$3\r\nfoo\r\n", "*x\r\n", "nonsense\r\n", "nonsense", xadd + "non", xadd + "*5\r\n$4\r\nXADX\r\n" + xadd,
		strings.Replace(xadd, "$7", "$7000", 1) + xadd, // which looks like one long command that is cut
	} {
		file := filepath.Join(t.TempDir(), "streams")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if srv, err := embedded.Start(file, zap.NewNop()); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v, want an error that names the file", text, err)
			if err == nil {
				_ = srv.Close()
			}
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != text {
			t.Errorf("the file is %q by now, %v", b, err)
		}
	}
}
