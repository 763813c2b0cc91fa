// Load generator: a closed loop of workers with keep-alive connections, for `python -m loadtests.bench`.
//
//	generator < plan.json
//
// The plan says where, what and how long; see `plan` below. On standard output it prints one JSON object a
// line: {"event":"measuring"} when the warm-up is over, {"event":"measured"} when the measured time is over,
// and at the end {"event":"report", ...}. The iks that were answered as posted go to one file, those whose
// fate is unknown (no answer, or an answer that a retry may change) to another, warm-up included.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	requestTimeout   = 40 * time.Second
	responseBytesMax = 16 << 20
	amountMax        = 100
)

// plan is what the bench sends.
type plan struct {
	URL          string   `json:"url"`
	Token        string   `json:"token"`
	Document     string   `json:"document"`
	Scenario     string   `json:"scenario"`
	Concurrency  int      `json:"concurrency"`
	WarmUpS      float64  `json:"warm_up_s"`
	MeasuredS    float64  `json:"measured_s"`
	Ledger       string   `json:"ledger"`
	IkPrefix     string   `json:"ik_prefix"`
	Accounts     int      `json:"accounts"`
	Batch        int      `json:"batch"`
	PageSize     int      `json:"page_size"`
	Cursors      []string `json:"cursors"`
	Marker       string   `json:"marker"`       // what a good answer holds ...
	MarkerCount  int      `json:"marker_count"` // ... and how often
	Acknowledged string   `json:"acknowledged_path"`
	Unknown      string   `json:"unknown_path"`
	Seed         uint64   `json:"seed"`
}

// report is what the bench gets.
type report struct {
	Event      string         `json:"event"`
	Scenario   string         `json:"scenario"`
	Seconds    float64        `json:"seconds"`
	Requests   int64          `json:"requests"`
	Entries    int64          `json:"entries"`
	RequestsPS float64        `json:"requests_per_s"`
	EntriesPS  float64        `json:"entries_per_s"`
	P50Ms      float64        `json:"p50_ms"`
	P95Ms      float64        `json:"p95_ms"`
	P99Ms      float64        `json:"p99_ms"`
	MaxMs      float64        `json:"max_ms"`
	Errors     map[string]int `json:"errors"`
}

// histogram counts durations in buckets less than two percent wide.
type histogram struct {
	counts [2048]int64
	total  int64
	max    time.Duration
}

const subBits = 6

func bucketOf(microseconds uint64) int {
	if microseconds < 1<<subBits {
		return int(microseconds)
	}
	shift := bits.Len64(microseconds) - subBits - 1
	return (shift+1)<<subBits + int(microseconds>>shift) - 1<<subBits
}

// upperOf is the largest number of microseconds that falls in the bucket.
func upperOf(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	return (uint64(bucket)&(1<<subBits-1)+1<<subBits+1)<<shift - 1
}

func (h *histogram) add(d time.Duration) {
	h.counts[min(bucketOf(uint64(d.Microseconds())), len(h.counts)-1)]++
	h.total++
	h.max = max(h.max, d)
}

func (h *histogram) merge(other *histogram) {
	for bucket, count := range other.counts {
		h.counts[bucket] += count
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

func (h *histogram) quantileMs(q float64) float64 {
	wanted := int64(q*float64(h.total)) + 1
	var seen int64
	for bucket, count := range h.counts {
		if seen += count; seen >= wanted {
			return min(float64(upperOf(bucket))/1000, ms(h.max))
		}
	}
	return ms(h.max)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ledgerFile takes iks from all workers.
type ledgerFile struct {
	mutex  sync.Mutex
	file   *os.File
	writer *bufio.Writer
}

func createLedgerFile(path string) (*ledgerFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &ledgerFile{file: file, writer: bufio.NewWriter(file)}, nil
}

func (f *ledgerFile) write(iks []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, ik := range iks {
		f.writer.WriteString(ik)
		f.writer.WriteByte('\n')
	}
}

func (f *ledgerFile) close() error {
	return errors.Join(f.writer.Flush(), f.file.Close())
}

// worker sends one request after the other.
type worker struct {
	plan    *plan
	client  *http.Client
	rng     *rand.Rand
	head    []byte // the body up to its variables
	name    string
	sent    int
	iks     []string // of the request in flight
	latency histogram
	entries int64
	errors  map[string]int
}

func newWorker(p *plan, client *http.Client, number int) *worker {
	quoted, err := json.Marshal(p.Document)
	if err != nil {
		panic(err)
	}
	return &worker{
		plan:   p,
		client: client,
		rng:    rand.New(rand.NewPCG(p.Seed, uint64(number))),
		head:   fmt.Appendf(nil, `{"query":%s,"variables":`, quoted),
		name:   fmt.Sprintf("%s-%d-", p.IkPrefix, number),
		errors: map[string]int{},
	}
}

func (w *worker) newIk() string {
	w.sent++
	ik := w.name + strconv.Itoa(w.sent)
	w.iks = append(w.iks, ik)
	return ik
}

func (w *worker) pair() (int, int) {
	from := w.rng.IntN(w.plan.Accounts)
	return from, (from + 1 + w.rng.IntN(w.plan.Accounts-1)) % w.plan.Accounts
}

// entry is the type and the parameters of one entry of the scenario.
func (w *worker) entry() (string, string) {
	amount := 1 + w.rng.IntN(amountMax)
	if w.plan.Scenario == "hot_pair" {
		return "deposit", fmt.Sprintf(`{"amount":"%d"}`, amount)
	}
	kind, letter := "transfer", "u"
	switch w.plan.Scenario {
	case "guarded":
		kind = "guarded_transfer"
	case "batch_100":
		kind, letter = "sale", "s"
	}
	from, to := w.pair()
	return kind, fmt.Sprintf(`{"from":"%s%d","to":"%s%d","amount":"%d"}`, letter, from, letter, to, amount)
}

// variables of the next request; its iks are left in w.iks.
func (w *worker) variables() string {
	p := w.plan
	w.iks = w.iks[:0]
	switch p.Scenario {
	case "hot_pair", "random_pairs", "guarded":
		kind, parameters := w.entry()
		return fmt.Sprintf(`{"ik":"%s","ledgerIk":"%s","type":"%s","parameters":%s}`,
			w.newIk(), p.Ledger, kind, parameters)
	case "batch_10", "batch_100":
		var body bytes.Buffer
		body.WriteString(`{"entries":[`)
		for place := range p.Batch {
			if place > 0 {
				body.WriteByte(',')
			}
			kind, parameters := w.entry()
			fmt.Fprintf(&body, `{"ik":"%s","entry":{"ledger":{"ik":"%s"},"type":"%s","parameters":%s}}`,
				w.newIk(), p.Ledger, kind, parameters)
		}
		body.WriteString(`]}`)
		return body.String()
	case "balance_reads":
		return fmt.Sprintf(`{"ledgerIk":"%s","path":"liabilities/users:u%d"}`, p.Ledger, w.rng.IntN(p.Accounts))
	case "list_first", "list_deep":
		after := "null"
		if len(p.Cursors) > 0 {
			quoted, _ := json.Marshal(p.Cursors[w.rng.IntN(len(p.Cursors))])
			after = string(quoted)
		}
		return fmt.Sprintf(`{"ledgerIk":"%s","first":%d,"after":%s,"filter":`+
			`{"type":{"equalTo":"sale"},"tag":{"equalTo":{"key":"channel","value":"web"}}}}`,
			p.Ledger, p.PageSize, after)
	}
	panic("no such scenario: " + p.Scenario)
}

// send sends one request; the kind is empty if the answer is a good one. Unknown: it may have been posted.
func (w *worker) send() (kind string, isUnknown bool) {
	body := append(append([]byte{}, w.head...), w.variables()...)
	body = append(body, '}')
	request, err := http.NewRequest(http.MethodPost, w.plan.URL, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+w.plan.Token)
	response, err := w.client.Do(request)
	if err != nil {
		return "transport: " + reasonOf(err), true
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, responseBytesMax))
	if err != nil {
		return "transport: " + reasonOf(err), true
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Sprintf("http %d", response.StatusCode), response.StatusCode >= 500
	}
	if bytes.Count(answer, []byte(w.plan.Marker)) == w.plan.MarkerCount && !bytes.Contains(answer, []byte(`"errors"`)) {
		return "", false
	}
	return judge(answer)
}

func reasonOf(err error) string {
	var operation *net.OpError
	switch {
	case os.IsTimeout(err):
		return "timeout"
	case errors.As(err, &operation):
		return operation.Op
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	}
	return "other"
}

// judge names what a GraphQL answer refuses.
func judge(answer []byte) (kind string, isUnknown bool) {
	var parsed struct {
		Data   map[string]json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if json.Unmarshal(answer, &parsed) != nil {
		return "not JSON", true
	}
	if len(parsed.Errors) > 0 {
		return "graphql " + parsed.Errors[0].Extensions.Code + " " + parsed.Errors[0].Message, true
	}
	for _, raw := range parsed.Data {
		var member struct {
			Code      string
			Retryable bool
		}
		if json.Unmarshal(raw, &member) == nil && member.Code != "" {
			return member.Code, member.Retryable
		}
	}
	return "unexpected answer", true
}

// clock tells the workers which part of the run it is.
type clock struct{ measuring, stopped atomic.Bool }

func (w *worker) run(c *clock, acknowledged, unknown *ledgerFile) {
	for !c.stopped.Load() {
		started := time.Now()
		kind, isUnknown := w.send()
		took := time.Since(started)
		if kind == "" {
			acknowledged.write(w.iks)
		} else if isUnknown {
			unknown.write(w.iks)
		}
		// Counts what was answered in the measured time.
		if !c.measuring.Load() || c.stopped.Load() {
			continue
		}
		if kind != "" {
			w.errors[kind]++
			continue
		}
		w.latency.add(took)
		w.entries += int64(len(w.iks))
	}
}

func tell(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func run(p *plan) (*report, error) {
	acknowledged, err := createLedgerFile(p.Acknowledged)
	if err != nil {
		return nil, err
	}
	unknown, err := createLedgerFile(p.Unknown)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: p.Concurrency,
			MaxConnsPerHost:     p.Concurrency,
			DisableCompression:  true,
		},
	}
	var c clock
	var group sync.WaitGroup
	workers := make([]*worker, p.Concurrency)
	for number := range workers {
		workers[number] = newWorker(p, client, number)
		group.Go(func() { workers[number].run(&c, acknowledged, unknown) })
	}
	time.Sleep(duration(p.WarmUpS))
	started := time.Now()
	c.measuring.Store(true)
	tell(map[string]string{"event": "measuring"})
	time.Sleep(duration(p.MeasuredS))
	c.stopped.Store(true)
	elapsed := time.Since(started).Seconds()
	tell(map[string]string{"event": "measured"})
	group.Wait()
	return sum(p, workers, elapsed), errors.Join(acknowledged.close(), unknown.close())
}

func sum(p *plan, workers []*worker, elapsed float64) *report {
	var all histogram
	result := &report{Event: "report", Scenario: p.Scenario, Seconds: elapsed, Errors: map[string]int{}}
	for _, w := range workers {
		all.merge(&w.latency)
		result.Entries += w.entries
		for kind, count := range w.errors {
			result.Errors[kind] += count
		}
	}
	result.Requests = all.total
	result.RequestsPS = float64(all.total) / elapsed
	result.EntriesPS = float64(result.Entries) / elapsed
	result.P50Ms = all.quantileMs(0.50)
	result.P95Ms = all.quantileMs(0.95)
	result.P99Ms = all.quantileMs(0.99)
	result.MaxMs = ms(all.max)
	return result
}

func main() {
	var p plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		fmt.Fprintln(os.Stderr, "the plan is not JSON:", err)
		os.Exit(2)
	}
	result, err := run(&p)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tell(result)
}
