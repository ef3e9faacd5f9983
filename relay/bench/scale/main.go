package main

// The command line.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"redis-relay/relay/bench/scale/model"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	model.Deployment
	model.Machine
	constants bool
	docs      string
}

const usage = `Calculates what a deployment costs Redis and the relays, and where it is full.

  go run ./relay/bench/scale -hosts 200 -processes 8 -channels 100 -rate 2000 -size 300

`

func parse(args []string, stderr io.Writer) (o options, err error) {
	var names []string
	for _, e := range model.Examples {
		names = append(names, e.Name)
	}
	set := flag.NewFlagSet("scale", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		_, _ = fmt.Fprint(stderr, usage)
		set.PrintDefaults()
	}
	example := set.String("example", "", "start from `one` of "+strings.Join(names, ", ")+"; other flags win")
	set.IntVar(&o.Hosts, "hosts", 100, "`number` of hosts")
	set.IntVar(&o.Processes, "processes", 8, "`number` of processes of each host that listen and publish")
	set.Float64Var(&o.Channels, "channels", 100, "`number` of channels, in all")
	set.Float64Var(&o.ChannelsPerHost, "channels-per-host", 0, "`number` of channels more for each host")
	set.Float64Var(&o.Subscriptions, "subscriptions", 0, "`number` of channels that a process listens to; 0: all")
	set.Float64Var(&o.Rate, "rate", 1000, "`messages` a second that are published, in all")
	set.Float64Var(&o.RatePerHost, "rate-per-host", 0, "`messages` a second more for each host")
	set.Float64Var(&o.Size, "size", 300, "`bytes` of a payload")
	set.Float64Var(&o.Name, "name", 16, "`bytes` of the name of a channel")
	set.IntVar(&o.Nodes, "nodes", 3, "`number` of masters of a cluster")
	set.IntVar(&o.Replicas, "replicas", 0, "`number` of replicas of each master")
	set.Float64Var(&o.Speed, "speed", 1, "of a core, as a `multiple` of the one measured")
	gigabits := set.Float64("gigabits", model.Typical.Network/1e9, "network of each machine, in `Gbit/s`")
	set.Float64Var(&o.Clients, "maxclients", model.Typical.Clients, "`number` of connections that redis-server takes")
	set.BoolVar(&o.constants, "constants", false, "print the constants, and where they come from")
	set.StringVar(&o.docs, "docs", "", "write the tables and pictures of scaling.md in this `folder` anew")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -help", set.Arg(0))
	}
	if *example != "" {
		if o.Deployment, err = from(*example, o.Hosts); err != nil {
			return o, err
		}
		if err := set.Parse(args); err != nil { // what else is given wins
			return o, err
		}
	}
	o.Network = *gigabits * 1e9
	if o.Speed <= 0 || o.Network <= 0 || o.Clients <= 0 {
		return o, errors.New("speed, gigabits and maxclients: want more than 0")
	}
	return o, o.Check()
}

// from is an example on so many hosts.
func from(name string, hosts int) (model.Deployment, error) {
	for _, e := range model.Examples {
		if e.Name == name {
			d := e.On(hosts)
			d.Name, d.Nodes = max(d.Name, 16), max(d.Nodes, 3)
			return d, nil
		}
	}
	return model.Deployment{}, fmt.Errorf("-example %s: no such example; see -help", name)
}

// run prints what is asked for.
func run(args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	switch {
	case err != nil:
		return err
	case o.docs != "":
		return writeDocs(o.docs)
	case o.constants:
		constants(stdout)
	default:
		calculate(stdout, o.Deployment, o.Machine)
	}
	return nil
}
