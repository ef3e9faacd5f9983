package config

// This file finds the known name that a mistyped one was meant to be.

import (
	"strings"
	"unicode/utf8"
)

// longestTypo bounds the work for one name; a longer one has no near name.
const longestTypo = 64 // bytes

// shortestPrefix is how long the beginning of a name must be to stand for the name.
const shortestPrefix = 3 // bytes

// Nearest returns the candidate with the fewest edits from name. ok reports
// whether it is near enough to be a likely typo: at most half of it differs. If none is, Nearest returns the
// shortest candidate that begins with name, if name has three letters or more.
func Nearest(name string, candidates []string) (best string, ok bool) {
	best, least := nearest(name, candidates)
	if least >= 0 && 2*least <= utf8.RuneCountInString(name) {
		return best, true
	}
	if full := completed(name, candidates); full != "" {
		return full, true
	}
	return best, false
}

// completed returns the shortest candidate that begins with name; "" if there is none.
func completed(name string, candidates []string) (shortest string) {
	if len(name) < shortestPrefix {
		return ""
	}
	for _, c := range candidates {
		if strings.HasPrefix(c, name) && (shortest == "" || len(c) < len(shortest)) {
			shortest = c
		}
	}
	return shortest
}

// Typo is Nearest for names that are mostly no mistakes: a longer one may have two edits, a shorter one has one.
func Typo(name string, candidates []string) (meant string, ok bool) {
	const long = 8
	most := 1
	if utf8.RuneCountInString(name) >= long {
		most = 2
	}
	meant, least := nearest(name, candidates)
	return meant, 0 <= least && least <= most
}

// nearest returns the candidate with the fewest edits, and how many these are; -1 without one.
func nearest(name string, candidates []string) (best string, least int) {
	least = -1
	if len(name) > longestTypo {
		return "", least
	}
	for _, c := range candidates {
		if d := edits(name, c); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best, least
}

// edits counts the runes to insert, delete, change or swap with the next one to
// make b of a.
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	cost := make([][]int, len(s)+1) // cost[i][j]: from s[:i] to t[:j]
	for i := range cost {
		cost[i] = make([]int, len(t)+1)
		cost[i][0] = i
	}
	for j := range cost[0] {
		cost[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			change := cost[i-1][j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			cost[i][j] = min(change, cost[i-1][j]+1, cost[i][j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				cost[i][j] = min(cost[i][j], cost[i-2][j-2]+1)
			}
		}
	}
	return cost[len(s)][len(t)]
}
