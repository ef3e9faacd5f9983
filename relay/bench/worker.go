//go:build linux

// A worker: this binary, run again as a subscriber, a publisher or something to
// compare with. It is told what to do in JSON by its standard input, answers by
// its standard output, and ends with its input.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// workerVariable tells the binary that it is a worker.
const workerVariable = "REDIS_RELAY_BENCH_WORKER"

func isWorker() bool { return os.Getenv(workerVariable) != "" }

// Descriptors that a worker inherits: the two ends of the acknowledgements.
const (
	acksReadable = 3
	acksWritable = 4
)

// setup is the first line a worker reads: what it is.
type setup struct {
	Role     role
	Connect  string     // the Unix socket to connect to, or natsScheme and an address
	Listen   string     // for the floor and the hop: the one to listen on; for a nats-server: its address
	Channel  string     // for the hop: what to copy; for a listener, and for each client of a mob
	Index    int        // for a subscriber: its name in acknowledgements
	Interest [][]string // for a subscriber: the channels of each connection; for a storm: those of one
	Parallel int        // for a client: commands sent at once; for a mob: clients
	Command  []byte     // for a client
	Refused  bool       // for a client: every reply must be an error
}

type role string

const (
	roleSubscriber role = "subscriber"
	rolePublisher  role = "publisher"
	roleFloor      role = "floor"
	roleHop        role = "hop"
	roleClient     role = "client"
	roleStorm      role = "storm"
	roleListener   role = "listener"
	roleMob        role = "mob"
	roleNATSServer role = "nats-server"
)

// order is every other line; the field that is set says what to do.
type order struct {
	Expect *expectation  `json:",omitempty"` // subscriber
	Report bool          `json:",omitempty"` // subscriber: its progress, and the latencies, which it then forgets
	Accept int           `json:",omitempty"` // floor, hop: connections to wait for
	Flood  *flood        `json:",omitempty"` // publisher, floor
	Pace   *pace         `json:",omitempty"` // publisher
	Stream *stream       `json:",omitempty"` // publisher
	For    time.Duration `json:",omitempty"` // client, listener, storm, stream
}

// outcome answers the setup, and each order.
type outcome struct {
	Count     int64         `json:",omitempty"` // messages, or commands
	Elapsed   time.Duration `json:",omitempty"`
	Latencies *histogram    `json:",omitempty"` // subscriber, client
	Progress  []progress    `json:",omitempty"` // subscriber: of each connection
	Joined    time.Duration `json:",omitempty"` // storm
}

// errOrder is a mistake in this program.
var errOrder = errors.New("not an order for this worker")

// servant carries out the orders of one role.
type servant interface {
	serve(order) (outcome, error)
}

// work is a worker's life, and returns its exit code.
func work(stdin io.Reader, stdout, stderr io.Writer) int {
	err := obey(json.NewDecoder(stdin), json.NewEncoder(stdout))
	if !errors.Is(err, io.EOF) {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// obey carries out orders until there are no more, which is io.EOF.
func obey(in *json.Decoder, out *json.Encoder) error {
	var s setup
	if err := in.Decode(&s); err != nil {
		return err
	}
	servant, err := newServant(s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Role, err)
	}
	done := outcome{}
	for {
		if err := out.Encode(done); err != nil {
			return err
		}
		var o order
		if err := in.Decode(&o); err != nil {
			return err
		}
		if done, err = servant.serve(o); err != nil {
			return fmt.Errorf("%s: %w", s.Role, err)
		}
	}
}

func newServant(s setup) (servant, error) {
	switch s.Role {
	case roleSubscriber:
		return newSubscriber(s)
	case rolePublisher:
		return newPublisher(s)
	case roleFloor:
		return newFloor(s)
	case roleHop:
		return newHop(s)
	case roleClient:
		return newClient(s)
	case roleStorm:
		return newStormer(s)
	case roleListener:
		return newListener(s)
	case roleMob:
		return newMob(s)
	case roleNATSServer:
		return newNATSServer(s)
	}
	return nil, errOrder
}

// fatal ends a worker from a goroutine that nobody waits for.
func fatal(err error) {
	_, _ = fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
