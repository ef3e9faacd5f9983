package format

// This file recognises names and addresses of hosts, and of mailboxes there.

import (
	"bytes"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// Limits of RFC 1035 and RFC 5321, in bytes.
const (
	maxLabel     = 63
	maxHostname  = 253
	maxLocalPart = 64
	maxMailbox   = 254
)

// isHostname takes labels of letters, digits and hyphens. One that begins with "xn--" must stand for a valid name in
// other letters.
func isHostname(t []byte) bool { return isDomain(t) && hasValidACE(t) }

// isDomain recognises labels that begin and end with a letter or digit.
func isDomain(t []byte) bool {
	label := 0 // bytes of it so far
	for i, c := range t {
		switch {
		case ascii.IsAlphanumeric(c), c == '-' && label > 0:
			label++
		case c == '.' && label > 0 && t[i-1] != '-':
			label = 0
		default:
			return false
		}
		if label > maxLabel {
			return false
		}
	}
	return label > 0 && t[len(t)-1] != '-' && len(t) <= maxHostname
}

// isIPv4 takes no leading zeros.
func isIPv4(t []byte) bool {
	for range 3 {
		n := octet(t)
		if n == 0 || n == len(t) || t[n] != '.' {
			return false
		}
		t = t[n+1:]
	}
	return len(t) > 0 && octet(t) == len(t)
}

// octet returns the length of the number from 0 to 255 that t starts with, 0 without one.
func octet(t []byte) int {
	n, size := 0, 0
	for ; size < min(3, len(t)) && ascii.IsDigit(t[size]); size++ {
		n = 10*n + int(t[size]-'0')
	}
	if n > 255 || size > 1 && t[0] == '0' {
		return 0
	}
	return size
}

// isIPv6 takes no zone.
func isIPv6(t []byte) bool {
	const all = 8
	shortened := bytes.HasPrefix(t, []byte("::"))
	if shortened {
		t = t[2:]
	}
	groups := 0
	for more := len(t) > 0 || !shortened; more; {
		n := 0
		for n < min(4, len(t)) && hexBytes[t[n]] {
			n++
		}
		switch {
		case n > 0 && n < len(t) && t[n] == '.':
			groups += 2
			return isIPv4(t) && (groups == all || shortened && groups < all)
		case n == 0 || groups == all:
			return false
		}
		groups++
		switch t = t[n:]; {
		case len(t) == 0:
			more = false
		case bytes.HasPrefix(t, []byte("::")) && !shortened:
			shortened = true
			t = t[2:]
			more = len(t) > 0
		case t[0] == ':':
			t = t[1:]
		default:
			return false
		}
	}
	return groups == all && !shortened || groups < all && shortened
}

func isEmail(t []byte) bool { return isMailbox(t, false) }

// isIDNEmail takes other letters, too, before the sign and behind it.
func isIDNEmail(t []byte) bool { return isMailbox(t, true) }

// isMailbox recognises words with dots between, or a text in quotes, at a host or an address.
func isMailbox(t []byte, international bool) bool {
	at := bytes.LastIndexByte(t, '@')
	if at < 1 || at > maxLocalPart || !international && len(t) > maxMailbox {
		return false
	}
	local, host := t[:at], t[at+1:]
	if local[0] == '"' {
		if !isQuoted(local, international) {
			return false
		}
	} else if !isDotted(local, international) {
		return false
	}
	switch {
	case len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']':
		return isAddressLiteral(host[1 : len(host)-1])
	case international && !isASCII(host):
		return isNormalIDN(string(host))
	}
	return isDomain(host)
}

// isDotted recognises words with dots between.
func isDotted(t []byte, international bool) bool {
	for i, c := range t {
		switch {
		case mailBytes[c], international && c >= utf8.RuneSelf:
		case c != '.' || i == 0 || t[i-1] == '.' || i == len(t)-1:
			return false
		}
	}
	return true
}

// isQuoted recognises a text in quotes, in which a backslash may stand before any character.
func isQuoted(t []byte, international bool) bool {
	last := len(t) - 1
	if last == 0 || t[last] != '"' {
		return false
	}
	for i := 1; i < last; i++ {
		c := t[i]
		if c == '\\' {
			i++
			if c = t[i]; i == last || c < ' ' || c > '~' {
				return false
			}
			continue
		}
		if c == '"' || c < ' ' || c == 0x7f || c >= utf8.RuneSelf && !international {
			return false
		}
	}
	return true
}

// isAddressLiteral recognises an address as it stands in brackets: of the tags that could name other kinds of it,
// none is registered.
func isAddressLiteral(t []byte) bool {
	const tag = "IPv6:"
	if len(t) >= len(tag) && bytes.EqualFold(t[:len(tag)], []byte(tag)) {
		return isIPv6(t[len(tag):])
	}
	return isIPv4(t)
}

func isASCII(t []byte) bool {
	for _, c := range t {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Bytes of hexadecimal numbers, and of words in addresses of mailboxes.
var (
	hexBytes  = setOf("0123456789abcdefABCDEF")
	mailBytes = setOf(alphanumeric + "!#$%&'*+/=?^_`{|}~-")
)

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func setOf(bytes string) (set [256]bool) {
	for _, c := range []byte(bytes) {
		set[c] = true
	}
	return set
}
