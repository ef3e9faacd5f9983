package admin

// The status page: a few files, and the same figures as text for programs such as curl.

import (
	"bytes"
	"embed"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// fileTypes are the types of the page's files, whatever the host thinks of their names.
var fileTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// page shows browsers the page, and others the figures as text.
func page(checks Checks, figures Figures) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			serveFile(w, r, "index.html")
			return
		}
		figuresText(w, checks, figures)
	}
}

// pageFile serves a file that the page asks for.
func pageFile(w http.ResponseWriter, r *http.Request) { serveFile(w, r, r.PathValue("file")) }

func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	b, err := web.ReadFile(path.Join("web", path.Base(name)))
	if err != nil {
		text(w, http.StatusNotFound, "not found\n")
		return
	}
	w.Header().Set("Content-Type", fileTypes[path.Ext(name)])
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// figuresText is the page for who has no browser.
func figuresText(w http.ResponseWriter, checks Checks, figures Figures) {
	all := checks()
	var b strings.Builder
	if ok, _ := Ready(all); ok {
		b.WriteString("redis-relay: ready\n\n")
	} else {
		b.WriteString("redis-relay: not ready\n\n")
	}
	b.WriteString(lines(all) + "\n")
	if err := figures(&b); err != nil {
		text(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	b.WriteString("\n/livez           the process is alive\n" +
		"/readyz          clients can connect, Redis has confirmed every subscription; /readyz?verbose says more\n" +
		"/metrics         for Prometheus\n" +
		"/api/v1/status   all there is to know, as JSON\n" +
		"/api/v1/events   the same each second, as server-sent events\n" +
		"/                in a browser, a page that shows it\n")
	text(w, http.StatusOK, b.String())
}
