package relay

// Alerts: which stand, and who is told of them over HTTP.

import (
	"fmt"
	"os"
	"time"

	"redis-relay/relay/alerts"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
)

// openAlerts has alerts made of notices from now on.
func (r *Relay) openAlerts(version string) {
	var changed func(alerts.Alert)
	if r.cfg.Alerts.Webhook != "" {
		host, _ := os.Hostname() // without a name it is told without one
		webhook := alerts.NewWebhook(alerts.WebhookOptions{
			URL: r.cfg.Alerts.Webhook, TokenFile: r.cfg.Alerts.WebhookTokenFile,
			Origin: alerts.Origin{
				Version: version, Host: host, Socket: r.cfg.Socket.Path,
				Life: fmt.Sprintf("%s-%d-%x", host, os.Getpid(), time.Now().UnixNano()),
			},
		}, r.log.Named("alerts"))
		r.services = append(r.services, webhook.Run)
		r.webhookStats, changed = webhook.Stats, webhook.Add
	}
	r.alerts = alerts.NewBoard(changed)
	r.teller.ObserveBy(r.alerts)
}

// measureAlerts names the metrics of alerts, and of the webhook.
func measureAlerts(m *monitor.Metrics, b *alerts.Board, webhook func() alerts.WebhookStats) {
	for _, kind := range notice.AlertKinds() {
		m.Gauge("alerts_active", "Alerts that stand.",
			func() float64 { return float64(b.Count(kind).Standing) }, "kind", kind)
		m.Count("alerts_total", "Alerts raised.", func() float64 { return float64(b.Count(kind).Raised) }, "kind", kind)
	}
	m.Count("alerts_ignored_total", "Reports that raised no alert, because too many of their kind stood.",
		func() float64 { return float64(b.Ignored()) })
	m.Count("webhook_sent_total", "Messages that alerts.webhook has taken.",
		func() float64 { return float64(webhook().Sent) })
	m.Count("webhook_failures_total", "Requests to alerts.webhook that failed.",
		func() float64 { return float64(webhook().Failures) })
	m.Count("webhook_dropped_total", "Messages for alerts.webhook that were dropped.",
		func() float64 { return float64(webhook().Dropped) })
	m.Gauge("webhook_waiting", "Messages that wait for alerts.webhook.",
		func() float64 { return float64(webhook().Waiting) })
}
