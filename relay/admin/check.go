package admin

// What a relay knows about its state, for probes and for people.

import (
	"fmt"
	"strings"
)

// Check is one thing that may be wrong with a relay.
type Check struct {
	Name  string // one word
	OK    bool
	Vital bool   // the relay is not ready without
	Text  string // how it stands, in one line for people
}

// Checks makes the checks of this moment. It may be called from anywhere.
type Checks func() []Check

// Ready tells whether all that is vital stands, and if not, what is missing.
func Ready(checks []Check) (ready bool, missing string) {
	var list []string
	for _, c := range checks {
		if c.Vital && !c.OK {
			list = append(list, c.Text)
		}
	}
	return len(list) == 0, strings.Join(list, "; ")
}

// lines shows checks as the servers of Kubernetes do.
func lines(checks []Check) string {
	var b strings.Builder
	for _, c := range checks {
		sign := '+'
		if !c.OK {
			sign = '-'
		}
		_, _ = fmt.Fprintf(&b, "[%c] %s: %s\n", sign, c.Name, c.Text)
	}
	return b.String()
}
