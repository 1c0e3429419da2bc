(defproject net.example/demo "@VERSION@"
  :description "A library of one function"
  :url "https://example.net/demo"
  :license {:name "EPL-2.0" :url "https://www.eclipse.org/legal/epl-2.0/"}
  :scm {:name "git" :url "https://example.net/demo.git"}
  :dependencies [[org.clojure/clojure "1.11.1"]]
  :deploy-repositories
  [["unsigned" {:url ~(System/getenv "REPOSITORY_URL")
                :username :env/lj_user :password :env/lj_token :sign-releases false}]
   ["signed" {:url ~(System/getenv "REPOSITORY_URL")
              :username :env/lj_user :password :env/lj_token :sign-releases true}]])
