package managed

// The imitation: a proxy before a real Redis, which refuses what a service refuses, in its words.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/redistest"
)

// imitate starts a Redis that a service is imitated with, and the proxy before it.
func imitate(t *testing.T, s *service) (redis *redistest.Server, address string) {
	t.Helper()
	var args []string
	for _, command := range s.missing {
		args = append(args, "--rename-command", command, "")
	}
	if s.cluster {
		args = append(args, "--cluster-enabled", "yes")
	}
	redis = redistest.Start(t, redistest.WithArgs(args...))
	if s.cluster {
		ownAllSlots(t, redis)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &imitation{service: s, target: redis.Addr(), conns: map[net.Conn]bool{}}
	p.running.Go(func() { p.accept(ln) })
	t.Cleanup(func() {
		_ = ln.Close()
		p.end()
		p.running.Wait()
	})
	return redis, ln.Addr().String()
}

// ownAllSlots makes a cluster of one node. Services show many nodes as one, too.
func ownAllSlots(t *testing.T, redis *redistest.Server) {
	t.Helper()
	command := []string{"CLUSTER", "ADDSLOTS"}
	for slot := range 16384 {
		command = append(command, strconv.Itoa(slot))
	}
	redis.MustDo(command...)
	redistest.Eventually(t, redistest.DefaultTimeout, "the cluster is up", func() bool {
		return strings.Contains(redis.MustDo("CLUSTER", "INFO").Str, "cluster_state:ok")
	})
}

// imitation is the proxy.
type imitation struct {
	service *service
	target  string
	running sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	ended bool
}

func (p *imitation) accept(ln net.Listener) {
	for {
		client, err := ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			continue
		}
		hangUp := func() {
			_ = client.Close()
			_ = server.Close()
		}
		p.running.Go(func() {
			_, _ = io.Copy(client, server)
			hangUp()
		})
		p.running.Go(func() {
			p.forward(server, bufio.NewReader(client))
			hangUp()
		})
	}
}

// keep notes connections for end. It reports false after that.
func (p *imitation) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			_ = c.Close()
		}
		p.conns[c] = true
	}
	return !p.ended
}

func (p *imitation) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// forward passes commands on. In place of one that the service refuses it sends a script that answers with the
// service's error, so that all answers keep their order.
func (p *imitation) forward(server io.Writer, client *bufio.Reader) {
	queues := false // a transaction is open
	for {
		args, err := readCommand(client)
		if err != nil {
			return
		}
		switch text, refused := p.service.refuses(args); {
		case refused && queues:
			args = []string{args[0] + ".REFUSED"} // as Redis refuses to queue what it does not know
		case refused:
			args = []string{"EVAL", "return redis.error_reply(ARGV[1])", "0", text}
		default:
			switch strings.ToUpper(args[0]) {
			case "MULTI":
				queues = true
			case "EXEC", "DISCARD":
				queues = false
			}
		}
		if _, err := server.Write(redistest.AppendCommand(nil, args...)); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r, '*')
	if err != nil || n == 0 {
		return nil, fmt.Errorf("no command: %w", err)
	}
	args := make([]string, n)
	for i := range args {
		length, err := readLength(r, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		args[i] = string(text[:length])
	}
	return args, nil
}

func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || line[0] != kind {
		return 0, fmt.Errorf("%q: %w", line, err)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
