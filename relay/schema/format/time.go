package format

// This file recognises dates, times and durations, as RFC 3339 spells them.

import (
	"bytes"

	"redis-relay/relay/schema/ascii"
)

// isDateTime takes the letters T and Z in lower case, too, as RFC 3339 does.
func isDateTime(t []byte) bool {
	return len(t) > 11 && t[10]|0x20 == 't' && isDate(t[:10]) && isTime(t[11:])
}

func isDate(t []byte) bool {
	if len(t) != 10 || t[4] != '-' || t[7] != '-' {
		return false
	}
	century, year, month, day := twoDigits(t), twoDigits(t[2:]), twoDigits(t[5:]), twoDigits(t[8:])
	if century < 0 || year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	const longMonths = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<10 | 1<<12
	switch {
	case month == 2:
		return day <= 28 || day == 29 && isLeap(century, year)
	case longMonths>>month&1 == 1:
		return day <= 31
	}
	return day <= 30
}

func isLeap(century, year int) bool {
	if year == 0 {
		return century%4 == 0
	}
	return year%4 == 0
}

// isTime takes a leap second only where it is the last one of a day in UTC.
func isTime(t []byte) bool {
	if len(t) < 9 || t[2] != ':' || t[5] != ':' {
		return false
	}
	hour, minute, second := twoDigits(t), twoDigits(t[3:]), twoDigits(t[6:])
	if !upTo(hour, 23) || !upTo(minute, 59) || !upTo(second, 60) {
		return false
	}
	offset, ok := zone(t[8:])
	const day = 24 * 60
	return ok && (second < 60 || (60*hour+minute-offset+day)%day == day-1)
}

// zone reads the fraction of a second and the offset from UTC, in minutes.
func zone(t []byte) (offset int, ok bool) {
	if t[0] == '.' {
		n := ascii.Digits(t[1:])
		if n == 0 {
			return 0, false
		}
		t = t[1+n:]
	}
	switch {
	case len(t) == 1:
		return 0, t[0]|0x20 == 'z'
	case len(t) != 6 || t[0] != '+' && t[0] != '-' || t[3] != ':':
		return 0, false
	}
	hours, minutes := twoDigits(t[1:]), twoDigits(t[4:])
	offset = 60*hours + minutes
	if t[0] == '-' {
		offset = -offset
	}
	return offset, upTo(hours, 23) && upTo(minutes, 59)
}

func upTo(n, limit int) bool { return 0 <= n && n <= limit }

// twoDigits returns the number that t starts with, -1 if that is not two digits.
func twoDigits(t []byte) int {
	if !ascii.IsDigit(t[0]) || !ascii.IsDigit(t[1]) {
		return -1
	}
	return 10*int(t[0]-'0') + int(t[1]-'0')
}

// isDuration takes units that follow each other without a gap: P1Y2M, and not P1Y2D. Letters are capitals, as in
// ISO 8601, of which the grammar in RFC 3339 is a summary.
func isDuration(t []byte) bool {
	if len(t) < 2 || t[0] != 'P' {
		return false
	}
	if n := ascii.Digits(t[1:]); n > 0 && string(t[1+n:]) == "W" {
		return true
	}
	rest, ok := units(t[1:], "YMD")
	if !ok || len(rest) == 0 {
		return ok
	}
	if rest[0] != 'T' || len(rest) == 1 {
		return false
	}
	rest, ok = units(rest[1:], "HMS")
	return ok && len(rest) == 0
}

// units reads numbers with units, neighbours in the order given, and returns what is left. It is ok without any.
func units(t []byte, order string) (rest []byte, ok bool) {
	next := -1 // the place of the unit that may follow; at first any
	for {
		n := ascii.Digits(t)
		if n == 0 {
			return t, true
		}
		if n == len(t) {
			return t, false
		}
		at := bytes.IndexByte([]byte(order), t[n])
		if at < 0 || next >= 0 && at != next {
			return t, false
		}
		t, next = t[n+1:], at+1
	}
}

// isPeriod takes two moments, or one and a duration.
func isPeriod(t []byte) bool {
	start, end, found := bytes.Cut(t, []byte("/"))
	if !found {
		return false
	}
	if isDateTime(start) {
		return isDateTime(end) || isDuration(end)
	}
	return isDuration(start) && isDateTime(end)
}
