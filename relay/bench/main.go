//go:build linux

// The command line, and the tables in their order.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"redis-relay/relay/bench/scale/trial"
)

// section is one part of the report.
type section struct {
	name string
	run  func(*lab) ([]*table, error)
}

// sections are in the order in which they run: what fills memory comes last.
var sections = []section{
	{"fanout", fanout},
	{"latency", latency},
	{"nats", overNATS},
	{"publish", publish},
	{"beside", beside},
	{"history", history},
	{"features", features},
	{"two-redises", twoRedises},
	{"slow", slow},
	{"adversity", adversity},
	{"validation", validation},
	{"scale", scaling},
	{"memory", memory},
}

// scale is how much is measured.
type scale struct {
	subscribers []int         // sizes of the crowds that messages are fanned out to
	payloads    []int         // bytes
	rounds      int           // of which a figure is the median
	burst       time.Duration // of one throughput round, at least
	paced       time.Duration // of one latency round
	publishers  []int         // processes that publish
	idle        []int         // idle subscribers whose memory is weighed
	channels    int           // subscribed channels whose memory is weighed, and of one client in adversity
	mob         int           // clients that come at once in adversity
	starts      int           // of the relay
	settle      time.Duration // for which a process is left alone before it is weighed
	trial       trial.Scale   // of the model
}

var (
	full = scale{
		subscribers: []int{1, 4, 16, 64, 256, 1000}, payloads: []int{124, 16 << 10},
		rounds: 5, burst: 200 * time.Millisecond, paced: time.Second,
		publishers: []int{1, 16, 64}, idle: []int{1000, 10000}, channels: 100000, mob: 10000, starts: 11, settle: time.Second,
		trial: trial.Full,
	}
	quick = scale{
		subscribers: []int{1, 16, 256}, payloads: []int{124},
		rounds: 3, burst: 150 * time.Millisecond, paced: 500 * time.Millisecond,
		publishers: []int{1, 16, 64}, idle: []int{1000}, channels: 10000, mob: 1000, starts: 3, settle: time.Second,
		trial: trial.Quick,
	}
)

// options are what the command line says.
type options struct {
	scale
	only     []string // names of sections; empty: all
	binaries []string // of the redis-servers
	markdown string   // file for a copy of the report; empty: none
	relay    string   // binary; empty: built from the source
}

func main() {
	// All children are started by the thread that lives as long as the process,
	// since they die with the thread that started them.
	runtime.LockOSThread()
	if isWorker() {
		os.Exit(work(os.Stdin, os.Stdout, os.Stderr))
	}
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	short := set.Bool("quick", false, "measure less, in about five minutes")
	only := set.String("only", "", "comma-separated `sections`: "+strings.Join(names, ","))
	crowd := set.String("subscribers", "", "comma-separated `sizes` of the crowds for fanout")
	redises := set.String("redis", defaultRedises(), "comma-separated `programs`: redis-servers to measure against, "+
		"each a path from the root of the repository or a name on the PATH; some sections use the first alone")
	o := options{}
	set.StringVar(&o.markdown, "markdown", "", "write the report to `file`, too")
	set.StringVar(&o.relay, "relay", "", "`binary` of the relay (default: built from the source)")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -help", set.Arg(0))
	}
	o.binaries = strings.Split(*redises, ",")
	o.scale = full
	if *short {
		o.scale = quick
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("-only %s: no such section; there are %s", name, strings.Join(names, ", "))
		}
	}
	var err error
	if *crowd != "" {
		o.subscribers, err = crowdSizes(*crowd)
	}
	return o, err
}

func crowdSizes(list string) (sizes []int, err error) {
	for size := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || n > spreadChannels {
			return nil, fmt.Errorf("-subscribers %s: give numbers from 1 to %d", list, spreadChannels)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// run measures and reports. It returns when all that it started has ended.
func run(args []string, stdout io.Writer) (err error) {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := stdout
	if opts.markdown != "" {
		file, createErr := os.Create(opts.markdown)
		if createErr != nil {
			return createErr
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = io.MultiWriter(stdout, file)
	}
	l, err := newLab(ctx, opts)
	if err != nil {
		return err
	}
	defer l.close()
	where, err := describe(l, args)
	if err != nil {
		return err
	}
	return l.report(out, where)
}

// report measures section by section and prints each when it is done, then what
// became of the targets.
func (l *lab) report(out io.Writer, where string) error {
	var all []*table
	for _, s := range sections {
		if len(l.only) > 0 && !slices.Contains(l.only, s.name) {
			continue
		}
		tables, failed := s.run(l)
		tables = slices.DeleteFunc(tables, func(t *table) bool { return t == nil }) // one that failed
		for _, t := range tables {
			if err := t.write(out, where); err != nil {
				return err
			}
		}
		if failed != nil {
			return fmt.Errorf("%s: %w", s.name, l.why(failed))
		}
		all = append(all, tables...)
	}
	if t := summary(all); t != nil {
		return t.write(out, where)
	}
	return nil
}
