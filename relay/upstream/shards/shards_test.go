package shards

// Shards, and nodes that the test plays.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

func TestMain(m *testing.M) { redistest.RunTests(m) }

const patience = time.Minute

// channel is the one that the tests use, and slot its slot.
const channel = "foo"

var slotOfChannel = cluster.Slot([]byte(channel))

// fakeNode is a server that answers what a test says. Commands of a handshake are answered as by Redis.
type fakeNode struct {
	t      testing.TB
	ln     net.Listener
	answer func(n *fakeNode, args []string) string // RESP; empty: it gives none

	mu    sync.Mutex // guards what follows
	conns []net.Conn
	log   []string // of commands beside the handshake, PING and CLUSTER
}

func newFakeNode(t testing.TB, answer func(n *fakeNode, args []string) string) *fakeNode {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{t: t, ln: ln, answer: answer}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			n.conns = append(n.conns, conn)
			n.mu.Unlock()
			serving.Go(func() { n.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		n.cut()
		serving.Wait()
	})
	return n
}

func (n *fakeNode) addr() string { return n.ln.Addr().String() }

// cut ends all connections.
func (n *fakeNode) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// push sends something that nobody asked for.
func (n *fakeNode) push(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_, _ = c.Write([]byte(text))
	}
}

func (n *fakeNode) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		v, err := resp.ReadValueUpTo(in, 1<<20)
		if err != nil {
			return
		}
		args := make([]string, len(v.Elems))
		for i, e := range v.Elems {
			args[i] = string(e.Str)
		}
		if text := n.reply(args); text != "" {
			if _, err := conn.Write([]byte(text)); err != nil {
				return
			}
		}
	}
}

func (n *fakeNode) reply(args []string) string {
	switch args[0] = strings.ToUpper(args[0]); args[0] { // go-redis writes small letters
	case "HELLO":
		return "%1\r\n+proto\r\n:3\r\n"
	case "CLIENT", "SELECT":
		return "+OK\r\n"
	case "INFO":
		return "$0\r\n\r\n"
	case "ROLE":
		return "*1\r\n$6\r\nmaster\r\n"
	}
	n.mu.Lock()
	if args[0] != "PING" && args[0] != "CLUSTER" {
		n.log = append(n.log, strings.Join(args, " "))
	}
	n.mu.Unlock()
	if text := n.answer(n, args); text != "" || args[0] != "PING" {
		return text
	}
	return "+PONG\r\n"
}

// commands lists what the node was asked.
func (n *fakeNode) commands() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.log)
}

// scene is Shards whose loop runs, and what they tell.
type scene struct {
	*Shards
	t     testing.TB
	known *cluster.Known

	mu      sync.Mutex // guards what follows
	heard   []string
	missing []string
	gaps    []Gap
	refused []string
}

func begin(t testing.TB, view cluster.View) *scene {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, known: &cluster.Known{}}
	s.known.Learn(view)
	limit := func(n int64) *atomic.Int64 {
		a := new(atomic.Int64)
		a.Store(n)
		return a
	}
	s.Shards = New(l, upstream.Options{
		Mode: "cluster", URL: "redis://" + view[0].Addr, Cluster: s.known, PublishTimeout: patience,
	}, s, s, limit(1<<20), limit(1<<20), zap.NewNop())
	l.AtTurnEnd(func() {
		s.Flush()
		s.Resume(true)
	})
	ctx, end := context.WithCancel(context.Background())
	turning, halt := context.WithCancel(context.Background())
	loops, runs := make(chan error, 1), make(chan error, 1)
	go func() { loops <- l.Run(turning) }()
	go func() { runs <- s.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := errors.Join(<-runs); err != nil {
			t.Error(err)
		}
		l.Call(func() {
			if s.bytes != 0 || s.held != 0 {
				t.Errorf("%d bytes of publishes and %d of messages are accounted for", s.bytes, s.held)
			}
		})
		halt()
		if err := errors.Join(<-loops, l.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *scene) Deliver(d *resp.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, string(d.Payload))
}

func (s *scene) TooLarge(*resp.Delivery, int64) {}

func (s *scene) Missing(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = append(s.missing, names...)
}

func (s *scene) Gap(g Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps = append(s.gaps, g)
}

func (s *scene) Refused(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, name+" "+err.Error())
}

func (s *scene) Waiting(addr string, _ time.Duration, err error) { s.t.Logf("%s: %v", addr, err) }

// subscribe subscribes names, and returns the answer.
func (s *scene) subscribe(names ...string) error {
	s.t.Helper()
	done := make(chan error, 1)
	s.loop.Call(func() { s.Subscribe(names, func(refused error) { done <- refused }) })
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		s.t.Fatal("no answer")
		return nil
	}
}

// publish publishes and returns where the answer comes.
func (s *scene) publish(payload string) <-chan string {
	s.t.Helper()
	done := make(chan string, 1)
	s.loop.Call(func() {
		err := s.Publish(1, []byte(channel), []byte(payload), upstream.AnswerFunc(func(v resp.Value, err error) {
			done <- fmt.Sprint(v.Int, " ", err)
		}))
		if err != nil {
			done <- err.Error()
		}
	})
	return done
}

// await waits for a condition on what was told.
func (s *scene) await(what string, met func() bool) {
	s.t.Helper()
	redistest.Eventually(s.t, patience, what, func() (is bool) {
		s.with(func() { is = met() })
		return is
	})
}

// with reads what was told.
func (s *scene) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// owns is a view in which a node has the slot of the channel, and others are masters that have other slots.
func owns(epoch int64, owner *fakeNode, others ...*fakeNode) cluster.View {
	v := cluster.View{{
		ID: owner.addr(), Addr: owner.addr(), Master: true, Slots: true, Epoch: epoch, Ranges: fmt.Sprint(slotOfChannel),
	}}
	for _, n := range others {
		v = append(v, cluster.Node{ID: n.addr(), Addr: n.addr(), Master: true, Slots: true})
	}
	return v
}

// Frames that nodes send.
func confirmation(args []string) string {
	text := ""
	for _, name := range args[1:] {
		word := strings.ToLower(args[0])
		text += fmt.Sprintf(">3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:1\r\n", len(word), word, len(name), name)
	}
	return text
}

func pushOf(payload string) string {
	return fmt.Sprintf(">3\r\n$8\r\nsmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(channel), channel, len(payload), payload)
}

// serves answers as the owner of the slot does.
func serves(_ *fakeNode, args []string) string {
	switch args[0] {
	case "SSUBSCRIBE", "SUNSUBSCRIBE":
		return confirmation(args)
	case "SPUBLISH":
		return ":1\r\n"
	case "ASKING":
		return "+OK\r\n"
	case "CLUSTER":
		return "-ERR not here\r\n"
	}
	return ""
}

// refers answers that another node has the slot.
func refers(word string, to func() *fakeNode) func(*fakeNode, []string) string {
	return func(n *fakeNode, args []string) string {
		switch args[0] {
		case "SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH":
			return fmt.Sprintf("-%s %d %s\r\n", word, slotOfChannel, to().addr())
		}
		return serves(n, args)
	}
}

// TestMoved: commands go where the answer says, each publish once and in order.
func TestMoved(t *testing.T) {
	b := newFakeNode(t, serves)
	a := newFakeNode(t, refers("MOVED", func() *fakeNode { return b }))
	s := begin(t, owns(1, a, b))
	var answers []<-chan string
	for i := range 5 {
		answers = append(answers, s.publish(fmt.Sprint("m", i)))
	}
	for i, answer := range answers {
		if got := <-answer; got != "1 <nil>" {
			t.Errorf("publish %d: %s", i, got)
		}
	}
	if err := s.subscribe(channel); err != nil {
		t.Error(err)
	}
	want := []string{"SPUBLISH foo m0", "SPUBLISH foo m1", "SPUBLISH foo m2", "SPUBLISH foo m3", "SPUBLISH foo m4", "SSUBSCRIBE foo"}
	if got := b.commands(); !slices.Equal(got, want) {
		t.Errorf("the owner was asked %q", got)
	}
	s.with(func() {
		if len(s.gaps) > 0 {
			t.Errorf("a gap for what was not subscribed: %+v", s.gaps)
		}
	})
}

// TestAsk: what a node says to ask at another goes there behind ASKING, until that is the owner.
func TestAsk(t *testing.T) {
	b := newFakeNode(t, serves)
	a := newFakeNode(t, refers("ASK", func() *fakeNode { return b }))
	s := begin(t, owns(1, a, b))
	if got := <-s.publish("m1"); got != "1 <nil>" {
		t.Error(got)
	}
	if err := s.subscribe(channel); err != nil {
		t.Error(err)
	}
	if got := b.commands(); !slices.Equal(got, []string{"ASKING", "SPUBLISH foo m1", "ASKING", "SSUBSCRIBE foo"}) {
		t.Errorf("the other node was asked %q", got)
	}
	s.known.Learn(owns(2, b, a))
	redistest.Eventually(t, patience, "it is the owner", func() bool {
		<-s.publish("m2")
		got := b.commands()
		return got[len(got)-2] != "ASKING"
	})
}

// TestPassing: a slot that is not served for a moment is asked again.
func TestPassing(t *testing.T) {
	var down atomic.Int32
	down.Store(4)
	a := newFakeNode(t, func(n *fakeNode, args []string) string {
		if strings.HasPrefix(args[0], "S") && down.Add(-1) >= 0 {
			return "-CLUSTERDOWN Hash slot not served\r\n"
		}
		return serves(n, args)
	})
	s := begin(t, owns(1, a))
	first, second := s.publish("m1"), s.publish("m2")
	if err := s.subscribe(channel); err != nil {
		t.Error(err)
	}
	for _, answer := range []<-chan string{first, second} {
		if got := <-answer; got != "1 <nil>" {
			t.Error(got)
		}
	}
	var published []string
	for _, c := range a.commands() {
		if strings.HasPrefix(c, "SPUBLISH") {
			published = append(published, c)
		}
	}
	if n := len(published); !slices.Equal(published[n-2:], []string{"SPUBLISH foo m1", "SPUBLISH foo m2"}) {
		t.Errorf("published as %q", published)
	}
}

// TestRefused: an error of the ACL is the answer, and is not asked again.
func TestRefused(t *testing.T) {
	a := newFakeNode(t, func(n *fakeNode, args []string) string {
		if strings.HasPrefix(args[0], "S") {
			return "-NOPERM no\r\n"
		}
		return serves(n, args)
	})
	s := begin(t, owns(1, a))
	if err := s.subscribe(channel); err == nil || err.Error() != "NOPERM no" {
		t.Errorf("subscribed: %v", err)
	}
	if got := <-s.publish("m"); got != "0 NOPERM no" {
		t.Error(got)
	}
}

// TestRevoked: the node says that the slot has left, and to where. That is a gap of this channel.
func TestRevoked(t *testing.T) {
	var moved atomic.Bool
	b := newFakeNode(t, serves)
	elsewhere := refers("MOVED", func() *fakeNode { return b })
	a := newFakeNode(t, func(n *fakeNode, args []string) string {
		if moved.Load() {
			return elsewhere(n, args)
		}
		return serves(n, args)
	})
	s := begin(t, owns(1, a, b))
	if err := s.subscribe(channel); err != nil {
		t.Fatal(err)
	}
	moved.Store(true)
	at := time.Now()
	a.push(confirmation([]string{"SUNSUBSCRIBE", channel}))
	s.await("the gap is told", func() bool { return len(s.gaps) == 1 })
	s.with(func() {
		if g := s.gaps[0]; g.Since.After(at) || g.Until.Before(at) || !slices.Equal(g.Names, []string{channel}) {
			t.Errorf("got %+v at %v", g, at)
		}
		if !slices.Equal(s.missing, []string{channel}) {
			t.Errorf("missing are %q", s.missing)
		}
	})
	b.push(pushOf("m"))
	s.await("the new owner is heard", func() bool { return slices.Equal(s.heard, []string{"m"}) })
}

// TestOverlap: while the old owner of a slot is heard beside the new one, what it has sent comes first.
func TestOverlap(t *testing.T) {
	var hold atomic.Bool
	b := newFakeNode(t, serves)
	a := newFakeNode(t, func(n *fakeNode, args []string) string {
		if args[0] == "PING" && hold.Load() { // it sends what was published there before
			hold.Store(false)
			return pushOf("a1") + pushOf("a2") + "+PONG\r\n"
		}
		return serves(n, args)
	})
	s := begin(t, owns(1, a, b))
	if err := s.subscribe(channel); err != nil {
		t.Fatal(err)
	}
	view := owns(2, b, a)
	s.known.Learn(view)
	s.await("the move is told", func() bool { return len(s.gaps) == 1 })
	hold.Store(true)
	b.push(pushOf("b1"))
	s.await("all is heard", func() bool { return len(s.heard) == 3 })
	s.with(func() {
		if want := []string{"a1", "a2", "b1"}; !slices.Equal(s.heard, want) {
			t.Errorf("heard %q, want %q", s.heard, want)
		}
	})
	a.push(confirmation([]string{"SUNSUBSCRIBE", channel}))
	redistest.Eventually(t, patience, "the old owner is left", func() (left bool) {
		s.loop.Call(func() { left = s.slots[slotOfChannel].overlap.old == nil })
		return left
	})
	a.push(pushOf("late"))
	b.push(pushOf("b2"))
	s.await("the new owner alone is heard", func() bool { return s.heard[len(s.heard)-1] == "b2" })
	s.with(func() {
		if slices.Contains(s.heard, "late") {
			t.Error("the old owner is still heard")
		}
	})
	if slices.Contains(a.commands(), "SUNSUBSCRIBE foo") {
		t.Error("the old owner was left before it had let the slot go")
	}
}

// TestReplicaIsLeft: what a node repeats that is no master any more is not heard.
func TestReplicaIsLeft(t *testing.T) {
	b := newFakeNode(t, serves)
	a := newFakeNode(t, serves)
	s := begin(t, owns(1, a))
	if err := s.subscribe(channel); err != nil {
		t.Fatal(err)
	}
	s.known.Learn(append(owns(2, b), cluster.Node{ID: a.addr(), Addr: a.addr()}))
	s.await("the move is told", func() bool { return len(s.gaps) == 1 })
	a.push(pushOf("m"))
	b.push(pushOf("m"))
	b.push(pushOf("end"))
	s.await("the new master is heard", func() bool { return len(s.heard) > 0 && s.heard[len(s.heard)-1] == "end" })
	s.with(func() {
		if want := []string{"m", "end"}; !slices.Equal(s.heard, want) {
			t.Errorf("heard %q, want %q", s.heard, want)
		}
	})
}

// TestPublishesFollow: what waits for a node that is away goes to the new owner, in order, but for what was withdrawn.
func TestPublishesFollow(t *testing.T) {
	a, b := newFakeNode(t, serves), newFakeNode(t, serves)
	s := begin(t, owns(1, a, b))
	_ = a.ln.Close()
	a.cut()
	first, second := s.publish("m1"), s.publish("m2")
	s.loop.Call(func() { s.Withdraw(2) })
	third := s.publish("m3")
	s.known.Learn(owns(2, b))
	for _, answer := range []<-chan string{first, second, third} {
		if got := <-answer; got != "1 <nil>" {
			t.Error(got)
		}
	}
	if got := b.commands(); !slices.Equal(got, []string{"SPUBLISH foo m1", "SPUBLISH foo m2", "SPUBLISH foo m3"}) {
		t.Errorf("published as %q", got)
	}
}

// TestWithdraw: what waits, and whose sender has hung up, is not published.
func TestWithdraw(t *testing.T) {
	a := newFakeNode(t, serves)
	_ = a.ln.Close()
	s := begin(t, owns(1, a))
	waits := s.publish("m")
	s.loop.Call(func() { s.Withdraw(1) })
	if got := <-waits; !strings.Contains(got, "cannot be reached") {
		t.Error(got)
	}
}

// TestLoss: all is subscribed again, and the time between is a gap.
func TestLoss(t *testing.T) {
	a := newFakeNode(t, serves)
	s := begin(t, owns(1, a))
	if err := s.subscribe(channel, "{foo}b"); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	a.cut()
	s.await("the gap is told", func() bool { return len(s.gaps) == 1 })
	s.with(func() {
		if g := s.gaps[0]; g.Since.After(at) || g.Until.Before(at) || len(g.Names) != 2 {
			t.Errorf("got %+v at %v", g, at)
		}
	})
	a.push(pushOf("m"))
	s.await("it is heard again", func() bool { return slices.Equal(s.heard, []string{"m"}) })
}
