package schema

// This file names what the guard refuses, and words it.

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// What the guard lets through. Numbers that do not fit 64 bits are compared as exact fractions: one with an
// exponent of 999999 takes milliseconds; within these bounds the dearest takes about ten microseconds. A rejection
// names the path, and compares it with those of other causes, so the path must be bounded as well as the depth.
const (
	MaxDepth     = 64   // arrays and objects open at the same time
	MaxNumberLen = 64   // bytes of a number as written
	MaxExponent  = 400  // largest exponent of a number as written, up or down
	MaxPath      = 1024 // bytes of the keys, as written, that lead to one value; an index counts 8, a key's "/" 1
)

// refusal is a reason of the guard.
type refusal uint8

// The reasons of the guard. Only malformed text is not JSON; the others are JSON that readers disagree
// about or that would cost too much.
const (
	none refusal = iota
	malformed
	badUTF8
	loneSurrogate
	duplicateKey
	tooDeep
	longNumber
	bigExponent
	longPath
)

var refusalText = [...]string{
	badUTF8:       "invalid UTF-8",
	loneSurrogate: `half of a surrogate pair without the other (\ud800 to \udfff)`,
	duplicateKey:  "duplicate key",
	tooDeep:       fmt.Sprintf("nested deeper than %d levels", MaxDepth),
	longNumber:    fmt.Sprintf("number longer than %d bytes", MaxNumberLen),
	bigExponent:   fmt.Sprintf("exponent beyond %d", MaxExponent),
	longPath:      fmt.Sprintf("path of keys longer than %d bytes", MaxPath),
}

// fault is what the guard found and where. The zero fault is none.
type fault struct {
	why     refusal
	at, end int    // offsets of the offending bytes; both the length of the text if that ended too soon
	want    string // malformed: what should have been there
}

// text words the fault and its place in the text that was scanned.
func (f fault) text(scanned []byte) string {
	return fmt.Sprintf("at byte %d: %s", f.at, f.reason(scanned))
}

// reason words the fault without its place.
func (f fault) reason(scanned []byte) string {
	switch f.why {
	case malformed:
		return "invalid JSON: " + f.expectation(scanned)
	case duplicateKey:
		return "duplicate key " + oneLine(string(scanned[f.at:f.end]), 64)
	default:
		return refusalText[f.why]
	}
}

// expectation says what stands where a malformed text breaks, and what should.
func (f fault) expectation(scanned []byte) string {
	if f.at >= len(scanned) {
		return "unexpected end, expected " + f.want
	}
	_, size := utf8.DecodeRune(scanned[f.at:])
	return "unexpected " + strconv.QuoteToASCII(string(scanned[f.at:f.at+size])) + ", expected " + f.want
}
