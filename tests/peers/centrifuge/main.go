// A server on the Centrifuge library, with its broker in memory: each session subscribes to a channel of its own, whose
// history a client that comes back is brought up to date from. Messages come in by POST /publish with a JSON list of
// [session, text].
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
)

// Publications kept of each channel, and for how long: more than a run needs.
const (
	kept    = 200
	keptFor = time.Hour
)

func main() {
	node, err := centrifuge.New(centrifuge.DefaultConfig)
	if err != nil {
		log.Fatal(err)
	}
	broker, err := centrifuge.NewMemoryBroker(node, centrifuge.MemoryBrokerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	node.SetBroker(broker)
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{Recover: true}}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	http.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) { publish(node, w, r) })
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}

func publish(node *centrifuge.Node, w http.ResponseWriter, r *http.Request) {
	var messages [][2]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&messages); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, message := range messages {
		session, err := strconv.Atoi(string(message[0]))
		if err == nil {
			_, err = node.Publish("s"+strconv.Itoa(session), message[1], centrifuge.WithHistory(kept, keptFor))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	_, _ = w.Write([]byte("{}"))
}
