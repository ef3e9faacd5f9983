package respserver

// The handshake: AUTH and HELLO.

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
	"strings"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// Errors of the handshake, in Redis's words.
const (
	wrongPassword = "WRONGPASS invalid username-password pair or user is disabled."
	noAuth        = "NOAUTH Authentication required."
	helloNoAuth   = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH " +
		"<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

// onlyUser is the one user that there is, as in a Redis with requirepass.
const onlyUser = "default"

// ReadPassword reads the file that holds the password for TCP: socket.password_file, by which errors begin. Line ends
// behind the password do not count. An empty path is no password.
func ReadPassword(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("socket.password_file: %w; write a password into it, or name another file", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if strings.TrimSpace(password) == "" {
		return "", fmt.Errorf("socket.password_file: %s is empty; write a password into it", path)
	}
	return password, nil
}

// digest is that of a password. All have the same length, so that a comparison tells nothing about the password.
type digest [sha256.Size]byte

// SetPassword sets what clients on TCP must give from now on; empty: nothing. Who is connected stays so. Call it before
// Serve, or in the loop.
func (s *Server) SetPassword(password string) {
	s.password = nil
	if password != "" {
		d := digest(sha256.Sum256([]byte(password)))
		s.password = &d
	}
}

// asksPassword tells whether a client must give a password.
func (s *Server) asksPassword(p peer) bool { return p.tcp != nil && s.password != nil }

// authenticate checks credentials, in constant time. Where no password is asked for, any are right: applications may
// still have those of their Redis URL.
func authenticate(c *session, user, password []byte) bool {
	if !c.srv.asksPassword(c.client.peer) {
		return true
	}
	given := sha256.Sum256(password)
	if subtle.ConstantTimeCompare(given[:], c.srv.password[:]) == 0 || string(user) != onlyUser {
		c.srv.warn("client gave wrong credentials", c.client.peer.key(), c.client.Identity().Fields()...)
		return false
	}
	c.login.end()
	return true
}

func auth(c *session, args [][]byte) {
	user, password := []byte(onlyUser), args[len(args)-1]
	if len(args) == 3 {
		user = args[1]
	}
	switch {
	case len(args) > 3:
		c.replies.err("ERR syntax error")
	case !authenticate(c, user, password):
		c.replies.err(wrongPassword)
	default:
		c.replies.simple("OK")
	}
}

// hello negotiates the protocol. It may come again at any time.
func hello(c *session, args [][]byte) {
	proto, problem := helloProto(c, args)
	if problem != "" {
		c.replies.err(problem)
		return
	}
	o, problem := parseHello(args)
	switch {
	case problem != "":
	case o.user != nil && !authenticate(c, o.user, o.password):
		problem = wrongPassword
	case c.login.isAwaited():
		problem = helloNoAuth
	}
	if problem != "" {
		c.replies.err(problem)
		return
	}
	if o.name != nil {
		c.client.name = string(o.name)
	}
	c.proto = proto
	reply := appendHello(nil, c)
	if c.replies.muted {
		reply = nil // the slot still marks where messages change to the protocol
	}
	slot := &hub.Slot{Before: func() { c.srv.hub.SetRESP3(c.listener, proto == resp.RESP3) }}
	if c.out.Reserve(slot) {
		slot.Complete(reply)
	}
}

// helloProto returns the protocol that HELLO asks for.
func helloProto(c *session, args [][]byte) (proto resp.Proto, problem string) {
	if len(args) == 1 {
		return c.proto, ""
	}
	n, ok := resp.ParseInt(args[1])
	switch {
	case !ok:
		return 0, "ERR Protocol version is not an integer or out of range"
	case n != 2 && n != 3:
		return 0, "NOPROTO unsupported protocol version"
	}
	return resp.Proto(n), ""
}

// helloOptions are those of HELLO; nil: not given.
type helloOptions struct{ user, password, name []byte }

func parseHello(args [][]byte) (o helloOptions, problem string) {
	for i := 2; i < len(args); i++ {
		more := len(args) - 1 - i
		switch word := lower(args[i]); {
		case word == "auth" && more >= 2:
			o.user, o.password = args[i+1], args[i+2]
			i += 2
		case word == "setname" && more >= 1:
			i++
			o.name = args[i]
			if problem := badName(clientNames, args[i]); problem != "" {
				return o, problem
			}
		default:
			return o, fmt.Sprintf("ERR Syntax error in HELLO option '%.128s'", args[i])
		}
	}
	return o, ""
}

func appendHello(b []byte, c *session) []byte {
	b = resp.AppendMap(b, c.proto, 7)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "server"), "redis")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "version"), c.srv.backend.RedisVersion())
	b = resp.AppendInt(resp.AppendBulkString(b, "proto"), int64(c.proto))
	b = resp.AppendInt(resp.AppendBulkString(b, "id"), int64(c.client.id))
	b = resp.AppendBulkString(resp.AppendBulkString(b, "mode"), "standalone")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "role"), "master")
	return resp.AppendArray(resp.AppendBulkString(b, "modules"), 0)
}
