package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec // by status
	seconds  prometheus.Histogram   // from a request's first byte to the last of the answer
	inFlight prometheus.Gauge
	waiting  prometheus.Gauge // examples in the queue
	examples prometheus.Counter
	batches  *prometheus.CounterVec // by size
	fill     prometheus.Histogram   // examples in a batch
	compute  prometheus.Histogram   // seconds of a batch
	refused  *prometheus.CounterVec // by reason
	draining prometheus.Gauge
}

func newMetrics(info map[string]string, largest int) *metrics {
	name := func(s string) prometheus.Opts { return prometheus.Opts{Namespace: "mspecc", Name: s} }
	gauge := func(s, help string) prometheus.Gauge {
		o := prometheus.GaugeOpts(name(s))
		o.Help = help
		return prometheus.NewGauge(o)
	}
	counter := func(s, help string, labels ...string) *prometheus.CounterVec {
		o := prometheus.CounterOpts(name(s))
		o.Help = help
		return prometheus.NewCounterVec(o, labels)
	}
	histogram := func(s, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "mspecc", Name: s, Help: help, Buckets: buckets})
	}
	var sizes []float64
	for n := 1; n < 2*largest; n *= 2 {
		sizes = append(sizes, float64(min(n, largest)))
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("requests_total", "Answered requests for embeddings, by HTTP status.", "code"),
		seconds:  histogram("request_seconds", "Time from a request's first byte to the last of its answer.", prometheus.ExponentialBuckets(0.001, 2, 16)),
		inFlight: gauge("requests_in_flight", "Requests for embeddings that are being worked on."),
		waiting:  gauge("queue_examples", "Examples that wait for their turn."),
		batches:  counter("batches_total", "Computed batches, by the size they were compiled for.", "size"),
		fill:     histogram("batch_examples", "Examples in a computed batch.", sizes),
		compute:  histogram("batch_seconds", "Time to compute a batch.", prometheus.ExponentialBuckets(0.0005, 2, 16)),
		refused:  counter("refused_total", "Requests that were turned away, by reason.", "reason"),
		draining: gauge("draining", "1 while the server stops."),
	}
	m.examples = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "mspecc", Name: "examples_total", Help: "Examples whose features were computed."})
	about := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "mspecc", Name: "info", Help: "The model that is served.", ConstLabels: info})
	about.Set(1)
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.waiting, m.examples, m.batches, m.fill, m.compute, m.refused, m.draining, about,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) computed(examples, size int, d time.Duration) {
	m.examples.Add(float64(examples))
	m.batches.WithLabelValues(strconv.Itoa(size)).Inc()
	m.fill.Observe(float64(examples))
	m.compute.Observe(d.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
