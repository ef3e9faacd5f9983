package format

// This file recognises identifiers and pointers.

import "redis-relay/relay/schema/ascii"

func isUUID(t []byte) bool {
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return false
	}
	hyphens := 0
	for _, c := range t {
		if !hexBytes[c] {
			hyphens++ // or what is no part of a UUID
		}
	}
	return hyphens == 4
}

func isJSONPointer(t []byte) bool {
	if len(t) > 0 && t[0] != '/' {
		return false
	}
	for i, c := range t {
		if c == '~' && (i+1 == len(t) || t[i+1] != '0' && t[i+1] != '1') {
			return false
		}
	}
	return true
}

// isRelativeJSONPointer takes a shift of the index ("0-1/name"), too, which came with draft 2020-12.
func isRelativeJSONPointer(t []byte) bool {
	n := natural(t)
	if n == 0 {
		return false
	}
	if t = t[n:]; len(t) > 0 && (t[0] == '+' || t[0] == '-') {
		if n = natural(t[1:]); n == 0 {
			return false
		}
		t = t[1+n:]
	}
	return string(t) == "#" || isJSONPointer(t)
}

// natural returns the length of the number without leading zeros that t starts with, 0 without one.
func natural(t []byte) int {
	n := ascii.Digits(t)
	if n > 1 && t[0] == '0' {
		return 0
	}
	return n
}
