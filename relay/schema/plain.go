// This file recognises formats as programs write them.

package schema

import "bytes"

// plainDateTime recognises "2006-01-02T15:04:05.999Z" and offsets.
func plainDateTime(t []byte) bool {
	return len(t) > 11 && t[10] == 'T' && plainDate(t[:10]) && plainTime(t[11:])
}

// plainDate recognises every date but 29 February.
func plainDate(t []byte) bool {
	if len(t) != 10 || t[4] != '-' || t[7] != '-' {
		return false
	}
	century, year, month, day := twoDigits(t), twoDigits(t[2:]), twoDigits(t[5:]), twoDigits(t[8:])
	if century < 0 || year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	const longMonths = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<10 | 1<<12
	return day <= 28 || day <= 30 && month != 2 || day == 31 && longMonths>>month&1 == 1
}

// plainTime recognises every time but leap seconds.
func plainTime(t []byte) bool {
	if len(t) < 9 || t[2] != ':' || t[5] != ':' {
		return false
	}
	return upTo(twoDigits(t), 23) && upTo(twoDigits(t[3:]), 59) && upTo(twoDigits(t[6:]), 59) &&
		plainZone(t[8:])
}

// plainZone recognises the fraction of a second and the zone.
func plainZone(t []byte) bool {
	if t[0] == '.' {
		digits := 1
		for digits < len(t) && isDigit(t[digits]) {
			digits++
		}
		if digits == 1 {
			return false
		}
		t = t[digits:]
	}
	switch len(t) {
	case 1:
		return t[0] == 'Z'
	case 6:
		return (t[0] == '+' || t[0] == '-') && t[3] == ':' && upTo(twoDigits(t[1:]), 23) && upTo(twoDigits(t[4:]), 59)
	}
	return false
}

func upTo(n, limit int) bool { return 0 <= n && n <= limit }

// twoDigits returns the number that t starts with, -1 if that is not two digits.
func twoDigits(t []byte) int {
	if !isDigit(t[0]) || !isDigit(t[1]) {
		return -1
	}
	return 10*int(t[0]-'0') + int(t[1]-'0')
}

// plainUUID recognises every UUID.
func plainUUID(t []byte) bool {
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

// plainIPv4 recognises every address.
func plainIPv4(t []byte) bool {
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
	for ; size < min(3, len(t)) && isDigit(t[size]); size++ {
		n = 10*n + int(t[size]-'0')
	}
	if n > 255 || size > 1 && t[0] == '0' {
		return 0
	}
	return size
}

// plainHostname recognises names of labels that begin and end with a letter or digit.
func plainHostname(t []byte) bool {
	label := 0 // bytes of it so far
	for i, c := range t {
		switch {
		case isAlphanumeric(c), c == '-' && label > 0:
			label++
		case c == '.' && label > 0 && t[i-1] != '-':
			label = 0
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0 && t[len(t)-1] != '-' && len(t) <= 253
}

// plainEmail recognises words with dots between at a host.
func plainEmail(t []byte) bool {
	at := bytes.IndexByte(t, '@')
	if at < 1 || at > 64 || len(t) > 254 {
		return false
	}
	for i, c := range t[:at] {
		if !emailBytes[c] && (c != '.' || i == 0 || t[i-1] == '.' || i == at-1) {
			return false
		}
	}
	return plainHostname(t[at+1:])
}

// plainURI recognises "https://www.example.com:8080/path?query#fragment".
func plainURI(t []byte) bool {
	scheme, rest, found := bytes.Cut(t, []byte("://"))
	if !found || !plainScheme(scheme) {
		return false
	}
	size := 0
	for size < len(rest) && (isAlphanumeric(rest[size]) || rest[size] == '-' || rest[size] == '.') {
		size++
	}
	if size == 0 {
		return false
	}
	if rest = rest[size:]; len(rest) > 0 && rest[0] == ':' {
		for rest = rest[1:]; len(rest) > 0 && isDigit(rest[0]); rest = rest[1:] {
		}
	}
	return len(rest) == 0 || (rest[0] == '/' || rest[0] == '?' || rest[0] == '#') && plainPath(rest)
}

func plainScheme(t []byte) bool {
	for _, c := range t {
		if c < 'a' || 'z' < c {
			return false
		}
	}
	return len(t) > 0
}

// plainPath recognises a path with a query and a fragment.
func plainPath(t []byte) bool {
	fragment := false
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case uriBytes[c]:
		case c == '%' && i+2 < len(t) && hexBytes[t[i+1]] && hexBytes[t[i+2]]:
			i += 2
		case c == '#' && !fragment:
			fragment = true
		default:
			return false
		}
	}
	return true
}

// Bytes of hexadecimal numbers, of words in e-mail addresses, and of paths.
var (
	hexBytes   = setOf("0123456789abcdefABCDEF")
	emailBytes = setOf(alphanumeric + "!#$%&'*+/=?^_`{|}~-")
	uriBytes   = setOf(alphanumeric + "-._~!$&'()*+,;=:@/?")
)

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func setOf(bytes string) (set [256]bool) {
	for _, c := range []byte(bytes) {
		set[c] = true
	}
	return set
}

func isAlphanumeric(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }
