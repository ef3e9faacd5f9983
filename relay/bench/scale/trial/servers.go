//go:build linux

package trial

// redis-servers, alone and as a cluster, and relays.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// server is a redis-server with a connection to ask it.
type server struct {
	*child
	addr    string
	control *conn
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// redis starts a redis-server on a TCP port, with nothing saved.
func (w *world) redis(args ...string) (*server, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	name := w.path()
	c, err := w.start(w.Redis, append([]string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", w.dir, "--maxclients", "15000",
		"--unixsocket", name, "--loglevel", "warning",
	}, args...)...)
	if err != nil {
		return nil, err
	}
	s := &server{child: c, addr: addr}
	err = w.await(c, func() (err error) {
		if s.control, err = dial("unix", name); err == nil {
			_, err = s.control.do("PING")
		}
		return err
	})
	return s, err
}

// cluster starts masters without replicas, and returns when all say that the cluster is whole.
func (w *world) cluster(masters int) (nodes []*server, err error) {
	const slots = 16384
	for i := range masters {
		n, err := w.node()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		ask := [][]string{{"CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i + 1)}, {"CLUSTER", "ADDSLOTS"}}
		for slot := i * slots / masters; slot < (i+1)*slots/masters; slot++ {
			ask[1] = append(ask[1], strconv.Itoa(slot))
		}
		for _, other := range nodes[:i] {
			host, port, _ := net.SplitHostPort(other.addr)
			ask = append(ask, []string{"CLUSTER", "MEET", host, port})
		}
		for _, args := range ask {
			if _, err := n.control.do(args...); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range nodes {
		if err := w.await(n.child, func() error { return n.whole(masters) }); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// node starts one node of a cluster, on a port whose bus port is free, too.
func (w *world) node() (n *server, err error) {
	const attempts = 10
	for range attempts {
		n, err = w.redis("--cluster-enabled", "yes", "--cluster-config-file", w.path())
		if err == nil {
			return n, nil
		}
	}
	return nil, err
}

// whole returns an error unless the node reaches all others and the cluster is whole.
func (s *server) whole(masters int) error {
	info, err := s.control.do("CLUSTER", "INFO")
	if err != nil {
		return err
	}
	if !strings.Contains(info, "cluster_state:ok") {
		return errors.New("the cluster is not whole")
	}
	list, err := s.control.do("CLUSTER", "NODES")
	if up := strings.Count(list, " connected"); err == nil && (up != masters || strings.Contains(list, "handshake")) {
		err = fmt.Errorf("linked to %d nodes of %d", up, masters)
	}
	return err
}

// figures reads some figures of INFO.
func (s *server) figures(names ...string) (values []float64, err error) {
	info, err := s.control.do("INFO", "everything")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		_, rest, ok := strings.Cut(info, "\n"+name+":")
		line, _, _ := strings.Cut(rest, "\r\n")
		v, err := strconv.ParseFloat(line, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("INFO has no %s", name)
		}
		values = append(values, v)
	}
	return values, nil
}

// relay is a running relay.
type relay struct {
	*child
	socket string
}

// page is an address for a relay's HTTP, on a host of its own, so that nobody takes the port before the relay does.
func page() (string, error) {
	host := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// relays starts so many relays, each on one of the servers, and returns when all are ready.
func (w *world) relays(n int, nodes []*server, cluster bool) (all []*relay, err error) {
	var pages []string
	for i := range n {
		page, err := page()
		if err != nil {
			return nil, err
		}
		url, mode := "redis://"+nodes[i%len(nodes)].addr, "single"
		if cluster {
			mode = "cluster"
		}
		r := &relay{socket: w.path()}
		r.child, err = w.start(w.Relay, append([]string{
			"--redis.url=" + url, "--redis.mode=" + mode, "--socket.path=" + r.socket, "--http.listen=" + page,
			"--limits.queue=64MiB", "--log.level=warn", "--log.format=json",
		}, w.Flags...)...)
		if err != nil {
			return nil, err
		}
		all, pages = append(all, r), append(pages, page)
	}
	for i, r := range all {
		if err := w.await(r.child, func() error { return r.ready(pages[i]) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ready asks a relay for its readiness, by HTTP and over its socket.
func (r *relay) ready(addr string) error {
	c, err := dial("unix", r.socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.do("PING"); err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + addr + "/readyz")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", res.Status)
	}
	return nil
}
