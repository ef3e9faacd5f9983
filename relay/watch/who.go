package watch

// Clients, in the words of notices.

import (
	"redis-relay/relay/notice"
	"redis-relay/relay/respserver"
	"redis-relay/relay/traffic"
)

// Sender says who has published something; nil is nobody that is known.
func Sender(s respserver.Sender) notice.Who {
	if s == nil {
		return notice.Who{}
	}
	return Who(s.Identity())
}

// Who says who is behind a connection.
func Who(c respserver.Client) notice.Who {
	w := notice.Who{Client: c.ID, Name: c.Name, PID: c.PID}
	if c.Known {
		w.UID = &c.UID
	}
	return w
}

// identify is traffic.Options.Identify.
func identify(sender any) traffic.Publisher {
	s, ok := sender.(respserver.Sender)
	if !ok {
		return traffic.Publisher{}
	}
	c := s.Identity()
	return traffic.Publisher{Client: c.ID, Name: c.Name, PID: c.PID, UID: c.UID, Known: c.Known}
}

// WhoPublished is the opposite of identify.
func WhoPublished(p traffic.Publisher) notice.Who {
	w := notice.Who{Client: p.Client, Name: p.Name, PID: p.PID}
	if p.Known {
		w.UID = &p.UID
	}
	return w
}
