package order_test

// Scripts: what is played, how it is written down, and how it is made shorter.

import (
	"fmt"
	"slices"
	"strings"
)

// command is a command with its arguments, or one of the two ends below.
type command []string

// The ends of a connection that are no commands. They stand alone in a step.
const (
	shut  = "SHUT"  // the client ends its sending side, and reads to the end
	leave = "CLOSE" // the client has a PING answered, then closes the connection
)

// step is what one connection writes at once.
type step struct {
	who   string
	group []command
}

func (s step) String() string {
	var parts []string
	for _, c := range s.group {
		parts = append(parts, strings.Join(c, " "))
	}
	return s.who + "  " + strings.Join(parts, " | ")
}

// script is a sequence of steps. A connection opens when its name first appears.
type script []step

func (s script) String() string {
	var b strings.Builder
	for i, st := range s {
		fmt.Fprintf(&b, "  %2d  %s\n", i+1, st)
	}
	return b.String()
}

// commands is the number of commands in all steps.
func (s script) commands() (n int) {
	for _, st := range s {
		n += len(st.group)
	}
	return n
}

// apart is the script with each command in a step of its own.
func (s script) apart() (c script) {
	for _, st := range s {
		for _, one := range st.group {
			c = append(c, step{st.who, []command{one}})
		}
	}
	return c
}

// without is the script less the steps from i to j.
func (s script) without(i, j int) script {
	return append(slices.Clone(s[:i]), s[j:]...)
}

// withoutCommand is the script less one command of a step, of which others remain.
func (s script) withoutCommand(i, k int) script {
	c := slices.Clone(s)
	c[i].group = slices.Delete(slices.Clone(c[i].group), k, k+1)
	return c
}

// shrink drops steps and commands as long as fails says that the rest still fails. fails also says no to a
// script that makes no sense, and to all of them when time is up.
func shrink(s script, fails func(script) bool) script {
	for size := len(s) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(s); {
			if c := s.without(i, i+size); fails(c) {
				s = c
			} else {
				i += size
			}
		}
	}
	for i := range s {
		for k := len(s[i].group) - 1; k >= 0 && len(s[i].group) > 1; k-- {
			if c := s.withoutCommand(i, k); fails(c) {
				s = c
			}
		}
	}
	return s
}
