package upstream

// What a publish costs, from the call to the answer.

import (
	"bytes"
	"io"
	"testing"

	"redis-relay/relay/resp"
)

// acknowledge answers everything that comes with ":1": it counts the bytes of commands of one size.
func acknowledge(peer io.ReadWriter, size int) {
	in, reply := make([]byte, 256<<10), bytes.Repeat([]byte(":1\r\n"), 256<<10/size+1)
	for rest := 0; ; {
		n, err := peer.Read(in)
		if err != nil {
			return
		}
		rest += n
		if _, err := peer.Write(reply[:4*(rest/size)]); err != nil {
			return
		}
		rest %= size
	}
}

// publisher publishes again when it is answered.
type publisher struct {
	c       *client
	channel []byte
	payload []byte
	left    int
	flying  int
	done    chan struct{}
}

func (p *publisher) Answer(_ resp.Value, err error) {
	if err != nil {
		panic(err)
	}
	if p.flying--; p.flying == 0 && p.left == 0 {
		close(p.done)
	}
	p.publish(1)
}

func (p *publisher) publish(n int) {
	for ; n > 0 && p.left > 0; n-- {
		p.left--
		p.flying++
		if err := p.c.Publish(1, false, p.channel, p.payload, p); err != nil {
			panic(err)
		}
	}
}

// BenchmarkPublish is a message of 124 bytes and its answer, by a peer over a socket pair: one after the
// other, and 64 at once.
func BenchmarkPublish(b *testing.B) {
	for name, window := range map[string]int{"window=1": 1, "window=64": 64, "window=1024": 1024} {
		b.Run(name, func(b *testing.B) {
			benchmarkPublish(b, window)
		})
	}
}

func benchmarkPublish(b *testing.B, window int) {
	c := looped(b, Options{PublishTimeout: patience})
	peer, _ := c.attach(b)
	p := &publisher{c: c, channel: []byte("chat:42"), payload: make([]byte, 124), done: make(chan struct{})}
	command := resp.AppendArray(nil, 3)
	for _, word := range [][]byte{[]byte("PUBLISH"), p.channel, p.payload} {
		command = resp.AppendBulk(command, word)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); acknowledge(peer, len(command)) }()
	p.left = b.N
	b.ReportAllocs()
	b.ResetTimer()
	c.do(func() { p.publish(window) })
	<-p.done
	b.StopTimer()
	_ = peer.Close()
	<-ended
}

// TestPublishAllocatesNothing on its way to Redis, and when the answer comes.
func TestPublishAllocatesNothing(t *testing.T) {
	r := testing.Benchmark(func(b *testing.B) { benchmarkPublish(b, 64) })
	if n := r.AllocsPerOp(); n > 0 {
		t.Errorf("%d allocations a publish", n)
	}
}
