package format

// This file recognises URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570).

import (
	"bytes"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

func isURI(t []byte) bool          { return isURIText(t, false) && scheme(t) > 0 }
func isURIReference(t []byte) bool { return isURIText(t, false) }
func isIRI(t []byte) bool          { return isURIText(t, true) && scheme(t) > 0 }
func isIRIReference(t []byte) bool { return isURIText(t, true) }

// Which bytes may stand where, percent-encoding and letters beyond ASCII apart.
const (
	unreserved = alphanumeric + "-._~"
	subDelims  = "!$&'()*+,;="
)

var (
	schemeBytes   = setOf(alphanumeric + "+-.")
	userBytes     = setOf(unreserved + subDelims + ":")
	nameBytes     = setOf(unreserved + subDelims)
	pathBytes     = setOf(unreserved + subDelims + ":@/")
	queryBytes    = setOf(unreserved + subDelims + ":@/?")
	literalBytes  = setOf(alphanumeric + "!#$&'()*+,-./:;=?@[]_~")
	variableBytes = setOf(alphanumeric + "_")
)

// isURIText recognises a URI or a relative reference.
func isURIText(t []byte, international bool) bool {
	n := scheme(t)
	t = t[n:]
	t, fragment, _ := bytes.Cut(t, []byte("#"))
	t, query, _ := bytes.Cut(t, []byte("?"))
	if !isSpelled(fragment, &queryBytes, international, false) || !isSpelled(query, &queryBytes, international, true) {
		return false
	}
	if path, found := bytes.CutPrefix(t, []byte("//")); found {
		authority := path
		if slash := bytes.IndexByte(path, '/'); slash >= 0 {
			authority = path[:slash]
		}
		if !isAuthority(authority, international) {
			return false
		}
		t = path[len(authority):]
	} else if n == 0 {
		// The first segment of a relative path would be taken for a scheme if it had a colon.
		first, _, _ := bytes.Cut(t, []byte("/"))
		if bytes.IndexByte(first, ':') >= 0 {
			return false
		}
	}
	return isSpelled(t, &pathBytes, international, false)
}

// scheme returns the length of the scheme that t begins with, its colon included, 0 without one.
func scheme(t []byte) int {
	for i, c := range t {
		switch {
		case c == ':' && i > 0:
			return i + 1
		case i == 0 && (ascii.IsDigit(c) || !ascii.IsAlphanumeric(c)), !schemeBytes[c]:
			return 0
		}
	}
	return 0
}

// isAuthority recognises "user@host:port".
func isAuthority(t []byte, international bool) bool {
	if user, host, found := bytes.Cut(t, []byte("@")); found {
		if !isSpelled(user, &userBytes, international, false) {
			return false
		}
		t = host
	}
	host, port := t, []byte(nil)
	if end := bytes.IndexByte(t, ']'); end > 0 && t[0] == '[' {
		host, port = t[:end+1], t[end+1:]
		if !isIPLiteral(host[1:end]) {
			return false
		}
	} else {
		if colon := bytes.IndexByte(t, ':'); colon >= 0 {
			host, port = t[:colon], t[colon:]
		}
		if !isSpelled(host, &nameBytes, international, false) {
			return false
		}
	}
	return len(port) == 0 || port[0] == ':' && ascii.Digits(port[1:]) == len(port)-1
}

// isIPLiteral recognises what stands in brackets: an IPv6 address, or one of a version to come.
func isIPLiteral(t []byte) bool {
	if len(t) == 0 || t[0]|0x20 != 'v' {
		return isIPv6(t)
	}
	version, address, found := bytes.Cut(t[1:], []byte("."))
	if !found || len(version) == 0 || len(address) == 0 {
		return false
	}
	for _, c := range version {
		if !hexBytes[c] {
			return false
		}
	}
	for _, c := range address {
		if !userBytes[c] {
			return false
		}
	}
	return true
}

// isSpelled reports whether all of a text are bytes of the set, percent-encoded ones or, in an IRI, other letters;
// in a query, also those of private use.
func isSpelled(t []byte, set *[256]bool, international, query bool) bool {
	for i := 0; i < len(t); {
		n := 1
		switch c := t[i]; {
		case set[c]:
		case c == '%':
			if n = encoded(t[i:]); n == 0 {
				return false
			}
		case international && c >= utf8.RuneSelf:
			var r rune
			if r, n = utf8.DecodeRune(t[i:]); !isUCS(r) && !(query && isPrivate(r)) {
				return false
			}
		default:
			return false
		}
		i += n
	}
	return true
}

// encoded returns the length of the percent-encoded byte that t starts with, 0 without one.
func encoded(t []byte) int {
	if len(t) > 2 && t[0] == '%' && hexBytes[t[1]] && hexBytes[t[2]] {
		return 3
	}
	return 0
}

// isUCS is ucschar of RFC 3987.
func isUCS(r rune) bool {
	switch {
	case r < 0x10000:
		return 0xa0 <= r && r <= 0xd7ff || 0xf900 <= r && r <= 0xfdcf || 0xfdf0 <= r && r <= 0xffef
	case r < 0xe0000:
		return r&0xffff <= 0xfffd
	}
	return 0xe1000 <= r && r <= 0xefffd
}

// isPrivate is iprivate of RFC 3987.
func isPrivate(r rune) bool {
	return 0xe000 <= r && r <= 0xf8ff || r >= 0xf0000 && r&0xffff <= 0xfffd
}

// isURITemplate takes an apostrophe, as erratum 6937 of RFC 6570 corrects.
func isURITemplate(t []byte) bool {
	for i := 0; i < len(t); {
		n := 0
		if t[i] == '{' {
			n = templateExpression(t[i:])
		} else {
			for i+n < len(t) && t[i+n] != '{' {
				n++
			}
			if !isSpelled(t[i:i+n], &literalBytes, true, true) {
				return false
			}
		}
		if n == 0 {
			return false
		}
		i += n
	}
	return true
}

// templateExpression returns the length of the expression that t starts with, such as "{?query,page*}", or 0.
func templateExpression(t []byte) int {
	i := 1
	if i < len(t) && bytes.IndexByte([]byte("+#./;?&=,!@|"), t[i]) >= 0 {
		i++
	}
	for {
		n := variable(t[i:])
		if n == 0 {
			return 0
		}
		if i += n; i == len(t) {
			return 0
		}
		switch t[i] {
		case '}':
			return i + 1
		case ',':
			i++
		default:
			return 0
		}
	}
}

// variable returns the length of the variable that t starts with, with its modifier, 0 without one.
func variable(t []byte) int {
	i := 0
	for i < len(t) {
		n := 1
		switch c := t[i]; {
		case variableBytes[c]:
		case c == '.' && i > 0 && t[i-1] != '.':
		case c == '%' && encoded(t[i:]) > 0:
			n = 3
		default:
			n = 0
		}
		if n == 0 {
			break
		}
		i += n
	}
	if i == 0 || t[i-1] == '.' || i == len(t) {
		return 0
	}
	switch t[i] {
	case '*':
		return i + 1
	case ':':
		n := ascii.Digits(t[i+1:])
		if n == 0 || n > 4 || t[i+1] == '0' {
			return 0
		}
		return i + 1 + n
	}
	return i
}
