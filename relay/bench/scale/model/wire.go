package model

// Bytes on the wire.

import (
	"math"
	"strconv"
)

// bulk is the length of a bulk string of n bytes in RESP.
func bulk(n float64) float64 {
	return float64(len("$"+strconv.Itoa(int(n))+"\r\n\r\n")) + n
}

// frame is the length of a message as a subscriber gets it, in RESP2 and RESP3.
func frame(name, size float64) float64 {
	return float64(len("*3\r\n$7\r\nmessage\r\n")) + bulk(name) + bulk(size)
}

// reply is the length of the answer to a PUBLISH that so many connections receive.
func reply(receivers float64) float64 {
	return float64(len(":" + strconv.Itoa(int(math.Round(receivers))) + "\r\n"))
}
