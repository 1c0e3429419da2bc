(ns demo.core)

(defn greeting [] "@GREETING@")
