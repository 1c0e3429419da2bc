(defproject application "1"
  :dependencies [[org.clojure/clojure "1.11.1"] [net.example/demo "@VERSION@"]]
  :repositories [["logjar" {:url ~(System/getenv "REPOSITORY_URL") :snapshots true :update :always}]]
  :main application)
