(ns application
  (:require [demo.core]))

(defn -main [] (println (demo.core/greeting)))
