package model

// Deployments that many have.

// Example is a deployment with a name. Its hosts are those of a table or curve.
type Example struct {
	Name string // a word
	What string // who does what
	Deployment
}

// Examples grow in different ways: by hosts alone, by hosts and what they send, and by hosts, channels and what they
// send.
var Examples = []Example{
	{
		"feed", "2,000 messages a second in all, on 100 channels that all processes hear",
		Deployment{Processes: 8, Channels: 100, Rate: 2000, Size: 300, Nodes: 3},
	},
	{
		"broadcast", "each host publishes 10 messages a second, which all processes hear",
		Deployment{Processes: 8, Channels: 10, RatePerHost: 10, Size: 300, Nodes: 3},
	},
	{
		"rooms", "each host brings 200 rooms and 100 messages a second; each process hears 500 rooms",
		Deployment{Processes: 8, ChannelsPerHost: 200, Subscriptions: 500, RatePerHost: 100, Size: 300, Nodes: 3},
	},
}

// Hosts are those of curves: few to 10,000.
func Hosts() (all []int) {
	for decade := 1; decade < 10000; decade *= 10 {
		for _, n := range []int{1, 2, 3, 5, 7} {
			all = append(all, n*decade)
		}
	}
	return append(all, 10000)
}
