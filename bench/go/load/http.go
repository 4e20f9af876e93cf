package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// target is whom to call: a server of Vault's API, or a pachd.
type target struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	Pachd   bool   `json:"pachd"`
}

func (t target) connect() caller {
	if t.Pachd {
		return &pachdCaller{target: t}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}
	return &httpCaller{t, &http.Client{Transport: transport, Timeout: time.Minute}}
}

type httpCaller struct {
	target target
	client *http.Client
}

func (c *httpCaller) call(phase *phase, item string) (kept, failure string) {
	path, body := strings.Replace(phase.Path, "%s", item, 1), strings.Replace(phase.Body, "%s", item, 1)
	request, err := http.NewRequest(phase.Method, c.target.Address+path, strings.NewReader(body))
	if err != nil {
		return "", err.Error()
	}
	request.Header.Set("X-Vault-Token", c.target.Token)
	reply, err := c.client.Do(request)
	if err != nil {
		return "", "no answer"
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err != nil {
		return "", "half an answer"
	}
	if reply.StatusCode >= 300 {
		return "", reply.Status
	}
	if phase.Keep == "" {
		return "", ""
	}
	var values any
	if err := json.Unmarshal(answer, &values); err != nil {
		return "", "no JSON"
	}
	for _, name := range strings.Split(phase.Keep, ".") {
		object, _ := values.(map[string]any)
		values = object[name]
	}
	if values == nil {
		return "", fmt.Sprintf("no %s in the answer", phase.Keep)
	}
	return fmt.Sprint(values), ""
}
