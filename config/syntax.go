package config

// This file words the YAML library's errors: the line that is at fault, and what
// such an error mostly comes from. The library names the line on which the list or
// mapping around it begins, or none.

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSearch bounds the work of finding a line, in bytes to be parsed.
const maxSearch = 32 << 20

// yamlLine finds the line in an error of the library.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError words an error of the library about a text.
func syntaxError(at place, text []byte, err error) error {
	says, number := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(says); m != nil {
		says = says[len(m[0]):]
		number, _ = strconv.Atoi(m[1])
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if found := faultyLine(text, lines); found > 0 {
		number = found
	}
	var line string
	if number > 0 && number <= len(lines) {
		line = string(lines[number-1])
	}
	if way := wayOut(says, line); way != "" {
		says = way + " (" + says + ")"
	}
	return &KeyError{Origin: at(number), Reason: says, Err: ErrSyntax}
}

// faultyLine returns the number of the line behind the last one up to which the text
// can be read; 0: not found.
func faultyLine(text []byte, lines [][]byte) int {
	if len(text) == 0 || len(text)*len(lines)/2 > maxSearch {
		return 0
	}
	end := len(text)
	for n := len(lines); n > 0; n-- {
		end -= len(lines[n-1])
		var doc yaml.Node
		if yaml.Unmarshal(text[:end], &doc) == nil {
			return n
		}
	}
	return 0
}

// wayOut tells what an error on a line mostly comes from; "" if nothing is known. It does
// not show the line, which may hold a password.
func wayOut(says, line string) string {
	if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") {
		return "indent with spaces, not with tabs"
	}
	for _, w := range waysOut {
		if strings.Contains(says, w.says) && (w.holds == nil || w.holds(line)) {
			return w.way
		}
	}
	return ""
}

const (
	indentation = "its indentation does not fit the lines above: keys of one mapping, and dashes of one list, " +
		"begin in the same column"
	behindQuote = `; or something stands behind a closing quote`
	quoteIt     = "put what begins with * & ! @ % ` or } in quotes"
	encoding    = "save the file as UTF-8 without control characters"
)

// waysOut is looked through in order.
var waysOut = []struct {
	says  string
	holds func(line string) bool // nil: any line
	way   string
}{
	{
		"mapping values are not allowed", func(line string) bool { return strings.Count(line+" ", ": ") > 1 },
		`a second colon with a space behind it; put the value in quotes`,
	},
	{
		"mapping values are not allowed", nil,
		"it is indented deeper than the key above it, or the line above lacks a colon and the space behind that",
	},
	{"did not find expected key", isQuoted, indentation + behindQuote},
	{"did not find expected key", nil, indentation},
	{"did not find expected '-' indicator", isQuoted, indentation + behindQuote},
	{"did not find expected '-' indicator", nil, indentation},
	{
		"could not find expected ':'", func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "-") },
		"a dash without the space behind it",
	},
	{"could not find expected ':'", nil, "a key without its colon and the space behind that"},
	{"unexpected end of stream", nil, "a quote is opened here and not closed"},
	{"did not find expected ',' or ']'", nil, "the list that begins with [ lacks a comma or its ]"},
	{"did not find expected ',' or '}'", nil, "the mapping that begins with { lacks a comma or its }"},
	{"block sequence entries are not allowed", nil, "begin the list on a line of its own, below its key"},
	{"cannot start any token", nil, quoteIt},
	{"expected alphabetic or numeric character", nil, quoteIt},
	{"expected node content", nil, quoteIt},
	{"unknown anchor", nil, quoteIt},
	{"tag handle", nil, quoteIt},
	{"did not find the expected '>'", nil, quoteIt},
	{"<document start>", nil, "there is a ] or } too many"},
	{"hexdecimal number", nil, `in double quotes, write \\ for a backslash, or take single quotes`},
	{"unknown escape character", nil, `in double quotes, write \\ for a backslash, or take single quotes`},
	{"control characters", nil, encoding},
	{"UTF-", nil, encoding},
}

func isQuoted(line string) bool { return strings.ContainsAny(line, `"'`) }
