package natsbridge

// The handshake with our own server.

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const leafUser = "relay"

func newSecret() string { return rand.Text() }

var errStranger = errors.New("somebody else dialled")

// acceptServer waits for the server to dial, checks its password, and subscribes to what clients may send. It returns
// the connection, and the bytes that have been read from it already.
func acceptServer(ln *net.TCPListener, secret string) (conn net.Conn, rest []byte, err error) {
	deadline := time.Now().Add(startTimeout)
	if err := ln.SetDeadline(deadline); err != nil {
		return nil, nil, err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return nil, nil, fmt.Errorf("the server did not dial: %w", err)
		}
		_ = conn.SetDeadline(deadline)
		rest, err := welcome(conn, secret)
		if err == nil {
			return conn, rest, conn.SetDeadline(time.Time{})
		}
		_ = conn.Close()
		if !errors.Is(err, errStranger) {
			return nil, nil, err
		}
	}
}

// welcome does the handshake. It returns once the server knows the bridge's subscriptions.
func welcome(conn net.Conn, secret string) (rest []byte, err error) {
	const info = `INFO {"server_id":"relay","server_name":"relay","version":"2.15.2","proto":1,"headers":true,` +
		`"max_payload":%d,"client_id":1,"info_on_connect":true}` + "\r\n"
	if _, err := fmt.Fprintf(conn, info, 1<<30); err != nil {
		return nil, errors.Join(errStranger, err)
	}
	in := bufio.NewReaderSize(conn, inputSize)
	line, err := readLine(in)
	connect, ok := bytes.CutPrefix(line, []byte("CONNECT "))
	var who struct{ User, Pass string }
	if err != nil || !ok || json.Unmarshal(connect, &who) != nil ||
		subtle.ConstantTimeCompare([]byte(who.User+" "+who.Pass), []byte(leafUser+" "+secret)) == 0 {
		return nil, errors.Join(errStranger, err)
	}
	_, err = io.WriteString(conn, `INFO {"connect_info":true}`+"\r\n"+
		"LS+ "+publishToken+".>\r\nLS+ "+historyToken+".>\r\nPING\r\n")
	for err == nil && !bytes.Equal(line, []byte("PONG")) {
		line, err = readLine(in)
	}
	if err != nil {
		return nil, err
	}
	return in.Peek(in.Buffered())
}

// readLine returns the next line, valid until the next call.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	return bytes.TrimRight(line, lineEnd), err
}
