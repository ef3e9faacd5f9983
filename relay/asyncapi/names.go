package asyncapi

// Names for channels, messages, components and files, made of texts that may hold anything.

import (
	"fmt"
	"strings"
)

// stem returns the text with everything but ASCII letters, digits, dots and _ replaced by -, and none of dots or - at
// its ends; other if nothing is left.
func stem(text, other string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, text)
	if name = strings.Trim(name, "-."); name == "" {
		return other
	}
	return name
}

// taken are names that nothing else may have, in small letters: some file systems take a.json for A.json.
type taken map[string]bool

// free returns the name, or the name with the first number from 2 that makes it another one, and takes it.
func (t taken) free(name string) string {
	one := name
	for n := 2; t[strings.ToLower(one)]; n++ {
		one = fmt.Sprintf("%s-%d", name, n)
	}
	t[strings.ToLower(one)] = true
	return one
}
